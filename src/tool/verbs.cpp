// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "verbs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "text.hpp"

namespace sequencer::tool {

checkpoint_options place::options() const {
  checkpoint_options all;
  all.live_directory = live_directory;
  all.volatile_storage = volatile_storage;
  return all;
}

void add_place(CLI::App& verb, place& to) {
  verb.group("Verbs");
  verb.add_option("FILE", to.file, "the checkpoint file")->type_name("")->required();
  verb.add_option("--live-directory", to.live_directory,
                  "where the live region lies, a tmpfs (default: /dev/shm)")
      ->type_name("DIR");
}

void add_writable_place(CLI::App& verb, place& to) {
  add_place(verb, to);
  verb.add_flag("--volatile-storage", to.volatile_storage,
                "accept a file system that forgets at power loss (tmpfs)");
}

namespace {

template <class Number>
CLI::Validator number_within(Number least, Number most) {
  const auto check = [least, most](std::string& text) -> std::string {
    Number value = 0;
    const auto* end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, value);
    if (read.ec == std::errc{} && read.ptr == end && least <= value && value <= most) {
      text = std::to_string(value);  // without zeros in front, which would mean octal
      return {};
    }
    return fmt::format("'{}' is not a whole number within {} .. {}", printable(text), least, most);
  };
  return CLI::Validator(check, "", "whole_number");
}

}  // namespace

CLI::Validator whole_number(std::uint64_t least, std::uint64_t most) {
  return number_within(least, most);
}

CLI::Validator signed_number() {
  using limits = std::numeric_limits<std::int64_t>;
  return number_within(limits::min(), limits::max());
}

const sequence_status* find(const std::vector<sequence_status>& all, const std::string& name) {
  const auto at =
      std::find_if(all.begin(), all.end(), [&](const auto& each) { return each.name == name; });
  return at == all.end() ? nullptr : &*at;
}

error unknown_name(const std::string& file, const std::string& name) {
  return {errc::invalid, 0,
          fmt::format("{}: sequence '{}': there is none of that name; `sequencer create` makes it",
                      file, printable(name))};
}

}  // namespace sequencer::tool
