// Strings at the edge: hashes, tables and tokenization. The GIL is released while they run.
#include "convert.hpp"
#include "gil.hpp"
#include "hornbeam/text.hpp"
#include "strings.hpp"

using namespace hornbeam;

Strings::Strings(py::list list) : list_(py::reinterpret_steal<py::list>(PyList_GetSlice(list.ptr(), 0, list.size()))) {
  if (!list_) throw py::error_already_set();  // the slice is nobody else's to change
  views_.reserve(list_.size());
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list_.ptr()); ++i) {
    PyObject* item = PyList_GET_ITEM(list_.ptr(), i);
    Py_ssize_t size = 0;
    if (PyUnicode_Check(item)) {
      const char* bytes = PyUnicode_AsUTF8AndSize(item, &size);
      if (!bytes) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeError)) throw py::error_already_set();
        PyErr_Clear();
        throw ValueError("strings must be Unicode text without lone surrogates. Received: one at index " +
                         std::to_string(i));
      }
      views_.emplace_back(bytes, size_t(size));
    } else if (PyBytes_Check(item)) {
      views_.emplace_back(PyBytes_AS_STRING(item), size_t(PyBytes_GET_SIZE(item)));
    } else {
      throw TypeError(std::string("strings must be str or bytes. Received: an object of type ") +
                      Py_TYPE(item)->tp_name + " at index " + std::to_string(i));
    }
  }
}

namespace {
py::list as_bytes(const std::vector<std::string_view>& texts) {
  py::list out(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) out[i] = py::bytes(texts[i].data(), texts[i].size());
  return out;
}
Tokenization tokenization(const std::string& standardize, const std::string& split, std::vector<int64_t> ngrams) {
  return {standardize_from_name(standardize), split_from_name(split), std::move(ngrams)};
}
StringTable table_of(const py::list& terms) {
  const Strings strings(terms);
  const WithoutGil release;
  return StringTable(strings.views());
}

void bind_table(py::module_& m) {
  py::class_<StringTable>(m, "StringTable")
      .def(py::init(&table_of), py::arg("terms"))
      .def(py::init([](const py::array& bytes, const py::array& ends) {
             return StringTable(to_tensor(bytes), to_tensor(ends));
           }),
           py::arg("bytes"), py::arg("ends"))
      .def("__len__", &StringTable::size)
      .def("terms",
           [](const StringTable& t) {
             std::vector<std::string_view> terms;
             for (int64_t i = 0; i < t.size(); ++i) terms.push_back(t.term(i));
             return as_bytes(terms);
           })
      .def("arrays", [](const StringTable& t) { return py::make_tuple(to_array(t.bytes()), to_array(t.ends())); });
}

void bind_encoder(py::module_& m) {
  py::class_<TextEncoder>(m, "TextEncoder")
      .def(py::init([](const StringTable& table, const std::string& standardize, const std::string& split,
                       std::vector<int64_t> ngrams, const std::string& output, int64_t buckets,
                       const std::optional<HashKey>& salt, const std::optional<py::bytes>& mask, int64_t length,
                       int64_t width, std::vector<float> weights) {
             TokenEncoding e;
             e.output = text_output_from_name(output);
             e.buckets = buckets;
             e.salt = salt;
             if (mask) e.mask = std::string(*mask);
             e.length = length;
             e.width = width;
             e.weights = std::move(weights);
             return TextEncoder(tokenization(standardize, split, std::move(ngrams)), std::move(e), table);
           }),
           py::arg("table"), py::kw_only(), py::arg("standardize"), py::arg("split"), py::arg("ngrams"),
           py::arg("output"), py::arg("buckets"), py::arg("salt"), py::arg("mask"), py::arg("length"), py::arg("width"),
           py::arg("weights"))
      .def_property_readonly("table", &TextEncoder::table)
      .def(
          "encode",
          [](const TextEncoder& e, const py::list& texts, int64_t each) {
            const Strings strings(texts);
            Tensor out;
            {
              const WithoutGil release;
              out = e.encode(strings.views(), each);
            }
            return to_array(out);
          },
          py::arg("texts"), py::arg("each") = 1);
}

void bind_counter(py::module_& m) {
  py::class_<TermCounter>(m, "TermCounter")
      .def(py::init([](const std::string& standardize, const std::string& split, std::vector<int64_t> ngrams) {
             return TermCounter(tokenization(standardize, split, std::move(ngrams)));
           }),
           py::kw_only(), py::arg("standardize"), py::arg("split"), py::arg("ngrams"))
      .def("add",
           [](TermCounter& c, const py::list& texts, int64_t each) {
             const Strings strings(texts);
             const WithoutGil release;
             c.add(strings.views(), each);
           })
      .def("__len__",
           [](const TermCounter& c) {
             const WithoutGil release;  // a call that counts may take it to look for signals
             return c.size();
           })
      .def_property_readonly("rows",
                             [](const TermCounter& c) {
                               const WithoutGil release;
                               return c.rows();
                             })
      .def("sorted", [](const TermCounter& c, int64_t most, const py::list& without) {
        const Strings strings(without);
        std::vector<TermCounter::Count> found;
        {
          const WithoutGil release;
          found = c.sorted(most, strings.views());
        }
        std::vector<std::string_view> terms;
        std::vector<int64_t> rows;
        for (const auto& f : found) {
          terms.push_back(f.term);
          rows.push_back(f.rows);
        }
        const Shape shape{int64_t(found.size())};
        return py::make_tuple(as_bytes(terms), to_array(Tensor::of(DType::i64, shape, rows)));
      });
}
}  // namespace

void bind_text(py::module_& m) {
  m.def(
      "string_hash",
      [](const py::list& texts, int64_t buckets, const std::optional<HashKey>& salt) {
        const Strings strings(texts);
        Tensor out(DType::i64, {int64_t(strings.views().size())});
        {
          const WithoutGil release;
          int64_t* to = out.data<int64_t>();
          for (std::string_view text : strings.views()) *to++ = hash_bucket(text, buckets, salt ? &*salt : nullptr);
        }
        return to_array(out);
      },
      py::arg("texts"), py::arg("buckets"), py::arg("salt") = py::none());
  bind_table(m);
  bind_encoder(m);
  bind_counter(m);
}
