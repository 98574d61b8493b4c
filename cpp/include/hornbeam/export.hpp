// Symbol visibility: everything is hidden unless marked HB_API.
#pragma once

#if defined(_WIN32)
#define HB_API __declspec(dllexport)
#else
#define HB_API __attribute__((visibility("default")))
#endif
