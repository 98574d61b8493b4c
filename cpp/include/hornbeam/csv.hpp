// Tables of text: rows of fields with a delimiter between them (RFC 4180).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hornbeam/export.hpp"

namespace hornbeam {

/// What all fields of a column are; each holds those before it. An empty field is a missing number, NaN.
enum class FieldKind : uint8_t { integer, real, text };

/// A column of a table: `integers`, `reals`, or texts, of which number i ends at `ends[i]` in `bytes`.
struct CsvColumn {
  FieldKind kind = FieldKind::integer;
  std::vector<int64_t> integers;
  std::vector<double> reals;
  std::string bytes;
  std::vector<uint64_t> ends;
};

/// A column that is wanted, or passed over.
struct CsvWanted {
  bool wanted = true;
  FieldKind least = FieldKind::integer;
};

/// The fields of the first row, and where the next begins; no fields where there is no row.
HB_API std::pair<std::vector<std::string>, size_t> read_csv_row(std::string_view text, char delimiter);

/// The columns of a table without its header, on at most `threads` threads. Lines without any character are passed
/// over. Throws ValueError for rows that have more or fewer fields than `wanted`, whose numbers begin at `first_row` in
/// messages, and for quotes that do not end a field.
HB_API std::vector<CsvColumn> read_csv(std::string_view text, char delimiter, const std::vector<CsvWanted>& wanted,
                                       int threads, uint64_t first_row = 1);
}  // namespace hornbeam
