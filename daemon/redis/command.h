// SPDX-License-Identifier: Apache-2.0
// A command as it goes over the wire; hiredis writes it.
// Tested by tests/unit/redis/command_test.cc.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace footfall::redis {

// Appends the command that `words` are (its name, then its arguments: any bytes).
void append_command(std::string& out, std::span<const std::string_view> words);

std::string command(std::initializer_list<std::string_view> words);

// Of the library that this was compiled with: "0.14.1".
std::string_view hiredis_version();

// The first word of what append_command() appended.
std::string_view name_of_command(std::string_view bytes);

}  // namespace footfall::redis
