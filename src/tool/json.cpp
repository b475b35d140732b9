// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "json.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace sequencer::tool {

namespace {

using json = nlohmann::ordered_json;

// JSON is UTF-8; a name that is not keeps its bytes in `name_bytes`.
void put_name(json& to, const char* key, const std::string& name) {
  to[key] = name;
  try {
    static_cast<void>(json(name).dump());
  } catch (const json::type_error&) {
    std::string bytes;
    for (const char each : name) {
      bytes += fmt::format("{:02x}", static_cast<unsigned char>(each));
    }
    to["name_bytes"] = bytes;
  }
}

void put_named(json& to, const sequence_status& of) {
  const auto& is = *of.named;
  to["kind"] = "named";
  to["start"] = is.start;
  to["increment"] = is.increment;
  to["minimum"] = is.minimum;
  to["maximum"] = is.maximum;
  to["cache"] = is.cache;
  to["cycle"] = is.cycle;
  to["last_value"] = is.last_value;
  to["is_called"] = is.is_called;
  to["cycles"] = is.cycles;
  to["epoch"] = of.epoch;
  to["exact"] = of.exact;
  to["max_gap"] = of.max_gap;
}

json object(const sequence_status& of) {
  json to;
  put_name(to, "name", of.name);
  if (of.form == record_form::mark) {
    to["kind"] = "mark";
    to["number"] = of.position;
    return to;
  }
  to["kind"] = of.blocks ? "blocks" : "strict";
  to["durability"] = name(of.durability);
  if (of.named) {
    put_named(to, of);
    return to;
  }
  to["start"] = of.start;
  to["maximum"] = of.maximum;
  to["next"] = of.position;
  to["exact"] = of.exact;
  to["high_water"] = of.high_water;
  to["max_gap"] = of.max_gap;
  to["max_step"] = of.max_step;
  to["window"] = of.window;
  if (of.blocks) {
    to["block"] = of.block;
    to["max_block"] = of.max_block;
    to["unordered"] = of.unordered;
  }
  to["waits"] = of.waits;
  to["rate"] = of.rate;
  to["epoch"] = of.epoch;
  return to;
}

json object(const hole& of) {
  return {{"first", of.numbers.first}, {"last", of.numbers.last}, {"lost", of.lost},
          {"why", name(of.why)},       {"certain", of.certain},   {"merged", of.merged},
          {"epoch", of.epoch}};
}

json object(const checkpoint_metrics& of) {
  return {{"open_epoch", of.open_epoch},
          {"syncs", of.syncs},
          {"pages_written", of.pages_written},
          {"bytes_written", of.bytes_written},
          {"requests", of.requests},
          {"last_sync_ns", of.last_sync_ns},
          {"mean_sync_ns", of.mean_sync_ns},
          {"slowest_sync_ns", of.slowest_sync_ns},
          {"last_lag_ns", of.last_lag_ns},
          {"slowest_lag_ns", of.slowest_lag_ns},
          {"waits", of.waits}};
}

json sequences_of(const checkpoint_report& all) {
  auto to = json::array();
  for (const auto& each : all.sequences) to.push_back(object(each));
  return to;
}

json or_null(const std::string& text) { return text.empty() ? json() : json(text); }

std::string text_of(const json& value) {
  return value.dump(2, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string_view state_text(checkpoint_report::verdict state) noexcept {
  switch (state) {
    case checkpoint_report::verdict::sound: return "sound";
    case checkpoint_report::verdict::recoverable: return "recoverable";
    case checkpoint_report::verdict::refused: return "refused";
  }
  return "unknown";
}

std::string json_of(const checkpoint_report& all) {
  json to;
  to["path"] = all.path;
  to["state"] = state_text(all.state);
  to["complete"] = all.complete;
  to["findings"] = all.findings;
  to["version"] = all.version;
  to["uuid"] = or_null(all.uuid);
  to["parent_uuid"] = or_null(all.parent_uuid);
  to["boot_id"] = or_null(all.boot_id);
  to["open_epoch"] = all.open_epoch;
  to["owned"] = all.owned;
  to["owner_pid"] = all.owner_pid;
  to["created_ns"] = all.created_ns;
  to["opened_ns"] = all.opened_ns;
  to["bytes"] = all.bytes;
  to["backup"] = all.backup;
  to["live"] = all.live;
  to["metrics"] = all.metrics ? object(*all.metrics) : json();
  to["sequences"] = sequences_of(all);
  auto& holes = to["holes"] = json::array();
  for (const auto& [sequence, lost] : all.holes) {
    json each;
    put_name(each, "sequence", sequence);
    each.update(object(lost));
    holes.push_back(std::move(each));
  }
  return text_of(to);
}

std::string json_of_sequences(const checkpoint_report& all) { return text_of(sequences_of(all)); }

std::string json_of_verdict(const checkpoint_report& all) {
  return text_of(json{{"path", all.path},
                      {"state", state_text(all.state)},
                      {"findings", all.findings}});
}

std::string json_of_holes(const std::string& name, const std::vector<hole>& lost, bool complete) {
  json to;
  put_name(to, "sequence", name);
  to["complete"] = complete;
  auto& holes = to["holes"] = json::array();
  for (const auto& each : lost) holes.push_back(object(each));
  return text_of(to);
}

}  // namespace sequencer::tool
