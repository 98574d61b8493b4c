// EXPECT_ERROR(statement, type, text): it throws just this type of Error, and the message holds the text.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <typeinfo>

#include "hornbeam/error.hpp"

#define EXPECT_ERROR(statement, type, text)                                                                     \
  try {                                                                                                         \
    statement;                                                                                                  \
    ADD_FAILURE() << #statement " throws nothing";                                                              \
  } catch (const hornbeam::Error& e) {                                                                          \
    EXPECT_EQ(std::string(typeid(e).name()), typeid(hornbeam::type).name()) << #statement ": " << e.what();     \
    EXPECT_NE(std::string(e.what()).find(text), std::string::npos) << #statement " says: " << e.what();         \
  } catch (const std::exception& e) {                                                                           \
    ADD_FAILURE() << #statement " throws what is no hornbeam::Error: " << typeid(e).name() << ": " << e.what(); \
  }
