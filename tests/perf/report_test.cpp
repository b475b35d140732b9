// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// What perf/report makes of measurements: the page, in a browser too; the comparison; the targets.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>
#include <regex>
#include <utility>
#include <vector>

#include "tests/tool/command.hpp"

namespace {

using command::outcome;
using command::words;
using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::string data = REPORT_DATA;
const std::string chart_library = "/usr/share/javascript/chart.js/chart.min.js";

std::string read(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

outcome report(words arguments) {
  arguments.insert(arguments.begin(), REPORT_PROGRAM);
  return command::run(arguments);
}

// The program of that name, or "".
std::string found(const std::string& name) {
  const auto ran = command::run({"/bin/sh", "-c", "command -v " + name});
  return ran.status == 0 ? ran.out.substr(0, ran.out.find('\n')) : "";
}

json params(unsigned threads, const std::string& placement) {
  return {{"payload", 8},
          {"batch", 1},
          {"threads", threads},
          {"capacity", 0},
          {"placement", placement}};
}

json row(const std::string& name, const std::string& who, double median, bool valid = true) {
  return {{"case", name},  {"contender", who},     {"params", params(2, "near")},
          {"unit", "ns/item"}, {"rounds", 31},     {"discarded", 0},
          {"p10", median * 0.9}, {"median", median}, {"p90", median * 1.1},
          {"valid", valid}};
}

json ratio(const std::string& name, const std::string& peer, double median, double half) {
  return {{"case", name},     {"params", params(2, "near")}, {"ours", "sequencer"},
          {"peer", peer},     {"median", median},            {"low", median - half},
          {"high", median + half}, {"wins", 20},             {"rounds", 31}};
}

json measurements(const std::vector<json>& rows, const std::vector<json>& ratios) {
  return {{"version", 1},
          {"host", {{"cpu", "a processor"}, {"cpus", 2}}},
          {"rows", rows},
          {"ratios", ratios}};
}

json one_ratio(double median, double half) {
  return measurements({row("counter_strict", "sequencer", 5), row("counter_strict", "mutex", 10)},
                      {ratio("counter_strict", "mutex", median, half)});
}

class reports : public testing::Test {
 protected:
  void SetUp() override {
    if (found("python3").empty()) GTEST_SKIP() << "python3 is not installed";
  }

  std::string file(const std::string& name, const json& content) {
    write(scratch / name, content.dump());
    return scratch / name;
  }

  // The page and the tables made of it.
  outcome page_of(const std::string& results) {
    return report({"html", results, "--output", scratch / "page.html"});
  }
  bool no_library() const { return !std::filesystem::exists(chart_library); }

  outcome compare(const json& before, const json& after) {
    return report({"compare", file("before.json", before), file("after.json", after)});
  }
  // Several runs a side.
  outcome compare_all(const std::vector<json>& before, const std::vector<json>& after) {
    words line{"compare", "--old"};
    for (const auto& each : before) {
      line.push_back(file("before" + std::to_string(line.size()) + ".json", each));
    }
    line.push_back("--new");
    for (const auto& each : after) {
      line.push_back(file("after" + std::to_string(line.size()) + ".json", each));
    }
    return report(line);
  }
  outcome gate(const json& target, const json& measured) {
    const json targets{{"version", 1}, {"targets", json::array({target})}};
    return report({"gate", file("targets.json", targets), file("measured.json", measured)});
  }

  const command::scratch scratch;
};

class pages : public reports {
 protected:
  void SetUp() override {
    reports::SetUp();
    if (!IsSkipped() && no_library()) GTEST_SKIP() << "libjs-chart.js is not installed";
  }
};

TEST_F(pages, the_tables_are_those_that_were_looked_at) {
  const auto made = page_of(data + "/small.json");
  ASSERT_EQ(made.status, 0) << made.err;
  std::filesystem::copy_file(scratch / "page.md", scratch / "small.md");
  const auto expected = std::regex_replace(read(data + "/small.md"), std::regex("small\\.html"),
                                           "page.html");
  EXPECT_EQ(read(scratch / "page.md"), expected)
      << "if it should be so: perf/report html tests/perf/report/small.json -o .../small.html";
}

TEST_F(pages, names_that_are_scripts_stay_text) {
  const std::string evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>|`\"'&";
  auto all = measurements({row(evil, evil, 5), row(evil, "sequencer", 4)},
                          {ratio(evil, evil, 0.5, 0.1)});
  all["host"]["cpu"] = evil;
  all["host"][evil] = evil;
  all["remarks"] = json::array({"not measured: " + evil});
  ASSERT_EQ(page_of(file("evil.json", all)).status, 0);
  const auto page = read(scratch / "page.html");
  EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_THAT(page, HasSubstr("&lt;img src=x"));
  EXPECT_THAT(page, Not(HasSubstr("http-equiv=\"refresh")));
  const auto tables = read(scratch / "page.md");
  EXPECT_THAT(tables, Not(HasSubstr("<script")));
  EXPECT_THAT(tables, Not(HasSubstr("<img")));
  EXPECT_THAT(tables, HasSubstr("\\|\\`"));
}

TEST_F(pages, nothing_in_a_page_comes_from_elsewhere) {
  ASSERT_EQ(page_of(data + "/small.json").status, 0);
  const auto page = read(scratch / "page.html");
  EXPECT_THAT(page, HasSubstr("default-src &#x27;none&#x27;"));
  EXPECT_THAT(page, HasSubstr("Chart.js Contributors"));
  EXPECT_THAT(page, Not(testing::ContainsRegex("<[a-z]+ [^>]*(src|href)=\"[^#]")));
}

TEST_F(pages, a_void_row_has_no_figure_and_is_named) {
  auto wrong = row("counter_strict", "mutex", 777.125, false);
  wrong["why"] = "a number came twice";
  const auto all = measurements({row("counter_strict", "sequencer", 5), wrong}, {});
  ASSERT_EQ(page_of(file("void.json", all)).status, 0);
  for (const char* each : {"page.html", "page.md"}) {
    const auto text = read(scratch / each);
    EXPECT_THAT(text, Not(HasSubstr("777"))) << each;
    EXPECT_THAT(text, HasSubstr("void: a number came twice")) << each;
  }
}

TEST_F(pages, what_was_not_measured_is_left_out_and_named) {
  ASSERT_EQ(page_of(file("empty.json", measurements({}, {}))).status, 0);
  const auto tables = read(scratch / "page.md");
  EXPECT_THAT(tables, Not(HasSubstr("## Throughput against threads")));
  for (const char* each : {"Throughput against threads", "Latency against load", "Memory",
                           "Durable numbers", "Gap and cost against block size"}) {
    EXPECT_THAT(tables, HasSubstr(std::string(each) + ": this run has no rows for it.")) << each;
  }
  for (const char* each : {"How the host is set up", "From core to core"}) {
    EXPECT_THAT(tables, HasSubstr(std::string(each) + ": this run has no rows for it.")) << each;
  }
}

// A host of so many cores: in two halves, four times as far from each other as within.
json host_of_cores(unsigned cores) {
  auto all = one_ratio(2, 0.1);
  json rows = json::array();
  json cpus = json::array();
  for (unsigned i = 0; i < cores; ++i) {
    cpus.push_back(2 * i);
    json row = json::array();
    for (unsigned j = 0; j < cores; ++j) {
      row.push_back(i == j ? 0.0 : (i < cores / 2) == (j < cores / 2) ? 20.0 : 80.0);
    }
    rows.push_back(row);
  }
  all["line_latency"] = {{"cpus", cpus}, {"one_way_ns", rows}};
  return all;
}

TEST_F(pages, what_a_line_costs_from_core_to_core_is_a_map) {
  ASSERT_EQ(page_of(file("cores.json", host_of_cores(4))).status, 0);
  EXPECT_THAT(read(scratch / "page.md"),
              HasSubstr("| CPU 2 | 20.0 | - | 80.0 | 80.0 |\n| CPU 4 | 80.0 | 80.0 | - | 20.0 |"));
  const auto page = read(scratch / "page.html");
  EXPECT_THAT(page, HasSubstr("<td class=\"heat0\">20.0</td><td>-</td>"
                              "<td class=\"heat7\">80.0</td>"));
  // Of one core there is none.
  ASSERT_EQ(page_of(file("core.json", host_of_cores(1))).status, 0);
  EXPECT_THAT(read(scratch / "page.md"), HasSubstr("From core to core: this run has no rows"));
}

TEST_F(pages, how_the_host_is_set_up_is_said_with_what_to_do) {
  auto all = one_ratio(2, 0.1);
  all["doctor"] = {{{"topic", "swap"}, {"verdict", "hurts"}, {"found", "in use"},
                    {"advice", "swapoff <all>"}},
                   {{"topic", "clock source"}, {"verdict", "good"}, {"found", "tsc"},
                    {"advice", nullptr}}};
  ASSERT_EQ(page_of(file("host.json", all)).status, 0);
  EXPECT_THAT(read(scratch / "page.md"),
              HasSubstr("| swap | hurts | in use | swapoff &lt;all&gt; |\n"
                        "| clock source | good | tsc |  |"));
  const auto page = read(scratch / "page.html");
  EXPECT_THAT(page, HasSubstr("<tr class=\"loss\"><td class=\"word\">swap</td>"));
  EXPECT_THAT(page, HasSubstr("swapoff &lt;all&gt;"));
}

TEST_F(pages, a_loss_is_shown_and_its_reason_said_not_to_be_known) {
  const auto all = measurements({row("a_case", "sequencer", 5), row("a_case", "somebody", 2)},
                                {ratio("a_case", "somebody", 0.4, 0.1)});
  ASSERT_EQ(page_of(file("lost.json", all)).status, 0);
  EXPECT_THAT(read(scratch / "page.md"),
              HasSubstr("| a_case | sequencer to somebody | 0.400 \\[0.300, 0.500\\] | near, "
                        "2 threads | No reason is known. |"));
}

TEST_F(pages, two_runs_stand_together_when_they_share_no_case) {
  const auto first = file("first.json", one_ratio(2, 0.1));
  const auto other =
      file("other.json", measurements({row("a_case", "sequencer", 5)}, {}));
  EXPECT_EQ(report({"html", first, other, "-o", scratch / "two.html"}).status, 0);
  const auto refused = report({"html", first, first, "-o", scratch / "two.html"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("counter_strict"));
}

TEST_F(reports, what_is_no_measurement_is_refused) {
  auto newer = one_ratio(1, 0.1);
  newer["version"] = 2;
  auto lacking = one_ratio(1, 0.1);
  lacking.erase("ratios");
  auto wrong_type = one_ratio(1, 0.1);
  wrong_type["rows"][1]["median"] = "fast";
  auto no_params = one_ratio(1, 0.1);
  no_params["rows"][0]["params"].erase("threads");
  write(scratch / "broken.json", "{\"version\": 1,");
  auto ragged = one_ratio(1, 0.1);
  ragged["line_latency"] = {{"cpus", {0, 1}}, {"one_way_ns", {{0, 20}, {20}}}};
  auto unheard_of = one_ratio(1, 0.1);
  unheard_of["doctor"] = {{{"topic", "swap"}, {"verdict", "ill"}, {"found", ""}}};
  const std::vector<std::pair<std::string, std::string>> all{
      {file("ragged.json", ragged), "line_latency.one_way_ns[1]"},
      {file("unheard-of.json", unheard_of), "doctor[0].verdict"},
      {file("newer.json", newer), "version 2"},
      {file("lacking.json", lacking), "ratios"},
      {file("wrong.json", wrong_type), "rows[1].median"},
      {file("params.json", no_params), "rows[0].params.threads"},
      {file("list.json", json::array()), "an object"},
      {scratch / "broken.json", "is not JSON"},
      {scratch / "none.json", "cannot be read"}};
  for (const auto& [path, what] : all) {
    const auto ran = page_of(path);
    EXPECT_EQ(ran.status, 2) << path;
    EXPECT_THAT(ran.err, HasSubstr(path));
    EXPECT_THAT(ran.err, HasSubstr(what));
    EXPECT_THAT(ran.err, Not(HasSubstr("Traceback"))) << ran.err;
    EXPECT_FALSE(std::filesystem::exists(scratch / "page.html"));
  }
}

TEST_F(reports, without_a_library_of_plots_it_says_what_to_install) {
  const auto ran = report({"html", data + "/small.json", "-o", scratch / "page.html", "--chart",
                           scratch / "none.js"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_THAT(ran.err, HasSubstr("libjs-chart.js"));
  write(scratch / "other.js", "// Some other library\n");
  const auto other = report({"html", data + "/small.json", "-o", scratch / "page.html", "--chart",
                             scratch / "other.js"});
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.err, HasSubstr("is not Chart.js 3"));
}

// ---- compare

TEST_F(reports, equal_runs_differ_in_nothing) {
  const auto ran = compare(one_ratio(2, 0.05), one_ratio(2, 0.05));
  EXPECT_EQ(ran.status, 0) << ran.out;
  EXPECT_THAT(ran.out, HasSubstr("1 ratios compared: 0 worse, 0 better"));
}

TEST_F(reports, a_tenth_slower_is_worse_and_a_tenth_faster_is_better) {
  const auto slower = compare(one_ratio(2, 0.05), one_ratio(1.8, 0.05));
  EXPECT_EQ(slower.status, 1);
  EXPECT_THAT(slower.out, HasSubstr("-10.0%  WORSE"));
  const auto faster = compare(one_ratio(1.8, 0.05), one_ratio(2, 0.05));
  EXPECT_EQ(faster.status, 0);
  EXPECT_THAT(faster.out, HasSubstr("+11.1%  better"));
}

TEST_F(reports, what_the_noise_may_have_done_is_no_change) {
  EXPECT_EQ(compare(one_ratio(2, 0.15), one_ratio(1.8, 0.15)).status, 0);    // they overlap
  EXPECT_EQ(compare(one_ratio(2, 0.01), one_ratio(1.94, 0.01)).status, 0);   // less than 5 %
  auto few = one_ratio(1.8, 0);
  few["ratios"][0]["rounds"] = 3;
  const auto ran = compare(one_ratio(2, 0.05), few);
  EXPECT_EQ(ran.status, 0);
  EXPECT_THAT(ran.out, HasSubstr("too few to judge"));
}

TEST_F(reports, times_are_not_compared) {
  auto slower = one_ratio(2, 0.05);
  for (auto& each : slower["rows"]) each["median"] = 50.0;
  EXPECT_EQ(compare(one_ratio(2, 0.05), slower).status, 0);
}

TEST_F(reports, new_and_missing_ratios_are_named_and_a_void_one_is_worse) {
  const auto both = measurements(
      {row("counter_strict", "sequencer", 5)},
      {ratio("counter_strict", "mutex", 2, 0.1), ratio("counter_strict", "fetch_add", 1, 0.1)});
  const auto more = compare(one_ratio(2, 0.1), both);
  EXPECT_EQ(more.status, 0);
  EXPECT_THAT(more.out, HasSubstr("Only in the new:\n  counter_strict, sequencer"));
  EXPECT_THAT(compare(both, one_ratio(2, 0.1)).out, HasSubstr("Only in the old"));
  const auto wrong =
      compare(both, measurements({row("counter_strict", "sequencer", 5, false)}, {}));
  EXPECT_EQ(wrong.status, 1);
  EXPECT_THAT(wrong.out, HasSubstr("Void now"));
}

TEST_F(reports, a_case_is_the_same_by_the_name_that_it_had) {
  const auto old = measurements({}, {ratio("ring_1p1c", "boost_spsc", 2, 0.05)});
  const auto now = measurements({}, {ratio("unicast_1p1c", "boost_spsc", 1, 0.05)});
  EXPECT_THAT(compare(old, now).out, HasSubstr("1 ratios compared: 1 worse"));
}

// Measurements of one build on a host that drifts: every run, each ratio is off by so much.
class host_that_drifts {
 public:
  host_that_drifts(unsigned seed, double drift, unsigned ratios = 40)
      : random_(seed), drift_(0, drift), ratios_(ratios) {}

  // The first ratio is `factor` times what it was, each of them in a case of its own.
  json run(double factor = 1) {
    std::vector<json> all;
    std::normal_distribution<double> within(0, 0.005);
    for (unsigned i = 0; i < ratios_; ++i) {
      const auto off = (drift_.stddev() > 0 ? drift_(random_) : 0) + within(random_);
      const auto median = 2 * std::exp(off) * (i == 0 ? factor : 1);
      all.push_back(ratio("counter_" + std::to_string(i), "mutex", median, median * 0.01));
    }
    return measurements({}, all);
  }

  std::vector<json> runs(unsigned count, double factor = 1) {
    std::vector<json> all;
    for (unsigned i = 0; i < count; ++i) all.push_back(run(factor));
    return all;
  }

 private:
  std::mt19937 random_;
  std::normal_distribution<double> drift_;
  unsigned ratios_;
};

// In how many of ten comparisons something is worse.
template <class Compare>
unsigned worse_of_10(double drift, Compare compare) {
  unsigned worse = 0;
  for (unsigned seed = 1; seed <= 10; ++seed) {
    host_that_drifts host(seed, drift);
    worse += compare(host).status == 1;
  }
  return worse;
}

TEST_F(reports, two_runs_of_one_build_that_were_recorded_on_a_noisy_host_are_unchanged) {
  const std::pair<std::string, std::string> pair(data + "/drift-then.json",
                                                 data + "/drift-now.json");
  for (const auto& [then, now] : {pair, std::pair(pair.second, pair.first)}) {
    const auto ran = report({"compare", then, now});
    EXPECT_EQ(ran.status, 0) << ran.out;
    EXPECT_THAT(ran.out, HasSubstr("162 ratios compared: 0 worse, 0 better"));
    EXPECT_THAT(ran.out, HasSubstr("Noise between runs (a standard deviation): 1"));
  }
}

TEST_F(reports, one_build_on_a_host_that_drifts_is_unchanged) {
  for (const double drift : {0.02, 0.1}) {  // one of twenty may be an alarm, by chance
    const auto of_two =
        worse_of_10(drift, [&](auto& host) { return compare(host.run(), host.run()); });
    EXPECT_LE(of_two, 2) << drift;
    const auto of_six = worse_of_10(drift, [&](auto& host) {
      const auto old = host.runs(3);
      return compare_all(old, host.runs(3));
    });
    EXPECT_LE(of_six, 2) << drift;
  }
}

TEST_F(reports, a_case_that_is_a_tenth_slower_is_found_among_many_on_a_calm_host) {
  host_that_drifts host(1, 0);
  const auto ran = compare(host.run(), host.run(0.9));
  EXPECT_EQ(ran.status, 1) << ran.out;
  EXPECT_THAT(ran.out, testing::ContainsRegex("counter_0 .*WORSE"));
  EXPECT_THAT(ran.out, HasSubstr("40 ratios compared: 1 worse, 0 better"));
}

TEST_F(reports, what_all_cases_lost_is_found_too) {
  auto slower = host_that_drifts(1, 0).run();
  for (auto& each : slower["ratios"]) {
    for (const char* of : {"median", "low", "high"}) each[of] = 0.9 * each[of].get<double>();
  }
  EXPECT_THAT(compare(host_that_drifts(2, 0).run(), slower).out, HasSubstr("40 worse"));
}

TEST_F(reports, several_runs_find_what_two_cannot_tell_from_drift) {
  const auto found = [&](unsigned runs) {
    return worse_of_10(0.05, [&](auto& host) {
      const auto old = host.runs(runs);
      return compare_all(old, host.runs(runs, 0.8));
    });
  };
  EXPECT_LE(found(1), 6);
  EXPECT_GE(found(4), 9);
}

TEST_F(reports, several_runs_are_judged_by_how_they_differ) {
  const auto runs = [](std::vector<double> medians) {
    std::vector<json> all;
    for (const auto each : medians) all.push_back(one_ratio(each, 0.05));
    return all;
  };
  const auto calm = compare_all(runs({2, 2.01, 2}), runs({1.7, 1.7, 1.71}));
  EXPECT_EQ(calm.status, 1) << calm.out;
  EXPECT_THAT(calm.out, HasSubstr("2.00 of 3 runs  1.70 of 3 runs  -15.0%"));
  const auto wild = compare_all(runs({2, 1.6, 2.3}), runs({1.7, 1.5, 1.9}));
  EXPECT_EQ(wild.status, 0) << wild.out;
  EXPECT_THAT(wild.out, HasSubstr("own spread from run to run"));
  // One run beside several is held against their spread.
  EXPECT_EQ(compare_all(runs({2, 1.6, 2.3}), runs({1.7})).status, 0);
}

TEST_F(reports, ours_beside_itself_shows_the_noise) {
  auto then = one_ratio(2, 0.05);
  auto now = one_ratio(1.8, 0.05);
  EXPECT_EQ(compare(then, now).status, 1);
  for (auto* each : {&then, &now}) {  // a tenth off, where nothing can differ
    auto null = ratio("counter_strict", "sequencer", 1.1, 0.01);
    null["ours"] = "sequencer:again";
    (*each)["ratios"].push_back(null);
  }
  const auto ran = compare(then, now);
  EXPECT_EQ(ran.status, 0) << ran.out;
  EXPECT_THAT(ran.out, HasSubstr("by ours beside itself"));
}

TEST_F(reports, a_peer_that_moved_by_itself_is_not_our_change) {
  const auto beside_four = [](std::vector<double> medians) {
    const words peers{"boost_spsc", "ck_ring", "rte_ring", "tbb_bounded"};
    std::vector<json> all;
    for (std::size_t i = 0; i < medians.size(); ++i) {
      all.push_back(ratio("unicast_1p1c", peers[i], medians[i], 0.02));
    }
    return measurements({}, all);
  };
  const auto peer = compare(beside_four({2, 3, 4, 5}), beside_four({1, 3.01, 4, 5}));
  EXPECT_EQ(peer.status, 0) << peer.out;
  EXPECT_THAT(peer.out, HasSubstr("it was the peer"));
  const auto ours = compare(beside_four({2, 3, 4, 5}), beside_four({1.6, 2.45, 3.2, 4.0}));
  EXPECT_EQ(ours.status, 1);
  EXPECT_THAT(ours.out, HasSubstr("4 worse"));
}

TEST_F(reports, sides_of_a_comparison_are_named_or_are_two) {
  const auto one = file("one.json", one_ratio(2, 0.05));
  const words fine{"compare", "--old", one, "--old", one, "--new", one};
  EXPECT_EQ(report(fine).status, 0);
  for (const words& each : {words{"compare", one}, words{"compare", one, one, one},
                            words{"compare", "--old", one}, words{"compare"},
                            words{"compare", one, one, "--new", one}}) {
    const auto ran = report(each);
    EXPECT_EQ(ran.status, 2);
    EXPECT_THAT(ran.err, HasSubstr("--old FILE"));
  }
}

TEST_F(reports, what_is_void_in_one_of_several_new_runs_is_worse) {
  auto wrong = one_ratio(2, 0.05);
  wrong["ratios"] = json::array();
  wrong["rows"][0]["valid"] = false;
  const auto ran = compare_all({one_ratio(2, 0.05)}, {one_ratio(2, 0.05), wrong});
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.out, HasSubstr("Void now"));
  EXPECT_EQ(compare_all({one_ratio(2, 0.05), wrong}, {one_ratio(2, 0.05), wrong}).status, 0);
}

// ---- gate

TEST_F(reports, a_target_is_reached_or_falls_short) {
  json target{{"case", "counter_strict"}, {"ours", "sequencer"}, {"peer", "mutex"}, {"least", 1.9}};
  EXPECT_EQ(gate(target, one_ratio(2, 0.05)).status, 0);
  target["least"] = 2.02;
  const auto missed = gate(target, one_ratio(2, 0.05));
  EXPECT_EQ(missed.status, 1);
  EXPECT_THAT(missed.out, HasSubstr("SHORT"));
  target["by"] = "high";  // the interval reaches it
  EXPECT_EQ(gate(target, one_ratio(2, 0.05)).status, 0);
  target["params"] = {{"threads", 16}};
  const auto absent = gate(target, one_ratio(2, 0.05));
  EXPECT_EQ(absent.status, 1);
  EXPECT_THAT(absent.out, HasSubstr("not measured, or void"));
}

TEST_F(reports, the_fastest_peer_decides) {
  const auto all = measurements(
      {row("counter_strict", "sequencer", 5), row("counter_strict", "mutex", 5)},
      {ratio("counter_strict", "mutex", 4, 0.1), ratio("counter_strict", "fetch_add", 1.5, 0.1),
       ratio("counter_strict", "lmax_spin", 1.1, 0.1)});
  json target{{"case", "counter_strict"}, {"ours", "sequencer"}, {"peer", "fastest"}, {"least", 2}};
  EXPECT_THAT(gate(target, all).out, HasSubstr("lmax_spin"));
  target["except"] = json::array({"lmax_*"});
  EXPECT_THAT(gate(target, all).out, HasSubstr("fetch_add"));
  target["peer"] = json::array({"mutex"});
  EXPECT_EQ(gate(target, all).status, 0);
}

TEST_F(reports, targets_that_are_none_are_refused) {
  const json target{{"case", "counter_strict"}, {"ours", "sequencer"}, {"peer", "mutex"},
                    {"leest", 2}};
  const auto ran = gate(target, one_ratio(2, 0.05));
  EXPECT_EQ(ran.status, 2);
  EXPECT_THAT(ran.err, HasSubstr("leest"));
}

TEST_F(reports, the_targets_of_the_project_can_be_read) {
  const auto measured = file("measured.json", one_ratio(2, 0.05));
  const auto ran = report({"gate", PERF_DIRECTORY "/targets.json", measured});
  EXPECT_EQ(ran.status, 1) << ran.err;  // one ratio does not reach them all
  EXPECT_THAT(ran.out, HasSubstr("strict next()"));
}

// ---- the same build beside itself

TEST_F(reports, ours_beside_itself_is_1_often_enough_or_not) {
  const auto runs = [&](int containing, int all, const std::string& as) {
    words line{"nulls"};
    for (int i = 0; i < all; ++i) {
      auto null = ratio("counter_strict", "sequencer", i < containing ? 1.01 : 1.1, 0.02);
      null["ours"] = "sequencer:again";
      line.push_back(file(as + std::to_string(i) + ".json", measurements({}, {null})));
    }
    return report(line);
  };
  const auto fine = runs(17, 20, "fine");
  EXPECT_EQ(fine.status, 0) << fine.err;
  EXPECT_THAT(fine.out, HasSubstr("17 of 20   pass"));
  const auto wrong = runs(16, 20, "wrong");
  EXPECT_EQ(wrong.status, 1);
  EXPECT_THAT(wrong.out, HasSubstr("16 of 20   SHORT"));
  const auto nothing = report({"nulls", file("none.json", one_ratio(2, 0.05))});
  EXPECT_EQ(nothing.status, 2);
  EXPECT_THAT(nothing.err, HasSubstr("--self-check"));
}

// ---- in a browser

// Frames a page at the width of a phone, and hands up what it says about itself.
const char* const frame = R"(<!DOCTYPE html><html><body>
<iframe id="framed" src="page.html" style="width:360px;height:800px;border:0"></iframe>
<script>
framed.onload = () => {
  const page = framed.contentDocument.documentElement;
  document.body.innerHTML = "";
  for (const each of page.querySelectorAll("canvas")) {
    document.body.append(document.importNode(each, true));
  }
  for (const name in page.dataset) document.documentElement.dataset[name] = page.dataset[name];
};
</script></body></html>)";

std::string browser() {
  for (const char* each : {"chromium", "chromium-headless-shell", "chromium-browser"}) {
    const auto path = found(each);
    if (!path.empty()) return path;
  }
  return "";
}

std::string attribute(const std::string& tag, const std::string& name) {
  std::smatch parts;
  return std::regex_search(tag, parts, std::regex(name + "=\"([^\"]*)\"")) ? parts[1].str() : "?";
}

std::vector<std::string> tags(const std::string& document, const std::string& name) {
  const std::regex form("<" + name + "[ >][^>]*>?");
  std::vector<std::string> all;
  for (std::sregex_iterator at(document.begin(), document.end(), form), end; at != end; ++at) {
    all.push_back(at->str());
  }
  return all;
}

class browsed : public pages {
 protected:
  void SetUp() override {
    pages::SetUp();
    if (!IsSkipped() && browser().empty()) GTEST_SKIP() << "chromium is not installed";
  }

  // The document after its scripts ran.
  outcome open(const std::string& name, words more = {}) {
    words line{browser(), "--headless", "--disable-gpu", "--disable-dev-shm-usage",
               "--enable-logging=stderr", "--virtual-time-budget=20000",
               "--user-data-dir=" + (scratch / "browser"), "--dump-dom"};
    if (::geteuid() == 0) line.push_back("--no-sandbox");  // it refuses to have one as root
    line.insert(line.end(), more.begin(), more.end());
    line.push_back("file://" + (scratch / name));
    return command::run(line);
  }

  void expect_drawn(const outcome& shown, std::size_t plots) {
    EXPECT_THAT(shown.err, Not(HasSubstr(":CONSOLE")));
    const auto html = tags(shown.out, "html");
    ASSERT_FALSE(html.empty()) << shown.err;
    EXPECT_THAT(attribute(html[0], "data-errors"), IsEmpty());
    EXPECT_EQ(attribute(html[0], "data-sideways"), "0");
    const auto canvases = tags(shown.out, "canvas");
    EXPECT_EQ(canvases.size(), plots);
    for (const auto& each : canvases) {
      EXPECT_EQ(attribute(each, "data-drawn"), attribute(each, "data-points")) << each;
      EXPECT_NE(attribute(each, "data-points"), "0") << each;
    }
  }
};

TEST_F(browsed, every_plot_is_drawn_and_nothing_complains) {
  ASSERT_EQ(page_of(data + "/small.json").status, 0);
  expect_drawn(open("page.html"), 20);
}

TEST_F(browsed, at_the_width_of_a_phone_too) {
  ASSERT_EQ(page_of(data + "/small.json").status, 0);
  write(scratch / "frame.html", frame);
  const auto shown = open("frame.html", {"--allow-file-access-from-files"});
  expect_drawn(shown, 20);
  const auto html = tags(shown.out, "html");
  ASSERT_FALSE(html.empty());
  EXPECT_LE(std::stoi("0" + attribute(html[0], "data-width")), 360);
}

TEST_F(browsed, a_map_of_many_cores_does_not_push_the_page_to_the_side) {
  ASSERT_EQ(page_of(file("cores.json", host_of_cores(64))).status, 0);
  write(scratch / "frame.html", frame);
  const auto shown = open("frame.html", {"--allow-file-access-from-files"});
  const auto html = tags(shown.out, "html");
  ASSERT_FALSE(html.empty());
  EXPECT_LE(std::stoi("0" + attribute(html[0], "data-width")), 360);
  EXPECT_EQ(attribute(html[0], "data-sideways"), "0");
}

TEST_F(browsed, a_plot_that_fails_is_noticed) {
  ASSERT_EQ(page_of(data + "/small.json").status, 0);
  auto page = read(scratch / "page.html");
  const auto canvas = page.find("<canvas id=\"");
  ASSERT_NE(canvas, page.npos);
  page.insert(canvas + 12, "not-");  // the script does not find it
  write(scratch / "page.html", page);
  const auto html = tags(open("page.html").out, "html");
  ASSERT_FALSE(html.empty());
  EXPECT_THAT(attribute(html[0], "data-errors"), Not(IsEmpty()));
}

}  // namespace
