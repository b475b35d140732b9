// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Help, manual page and completion: that they work, and that they speak of the same tool.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "command.hpp"

namespace {

using command::lines_of;
using command::run;
using command::run_tool;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::StartsWith;

const std::string manual = TOOL_SOURCES "/sequencer.1";
const std::string completion = TOOL_SOURCES "/sequencer.bash";

const std::vector<std::string> all_verbs = {"create", "next",  "list",  "inspect", "verify",
                                            "holes",  "watch", "adopt", "backup",
                                            "topology", "doctor", "define", "alter",
                                            "restart", "drop", "nextval", "setval", "range",
                                            "session"};

std::string content_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// The long options in a verb's help.
std::set<std::string> options_of(const std::string& verb) {
  const auto help = run_tool({verb, "--help"}).out;
  std::set<std::string> found;
  const std::regex option(R"(\n  (?:-\w,)?(--[\w-]+))");
  for (auto at = std::sregex_iterator(help.begin(), help.end(), option);
       at != std::sregex_iterator(); ++at) {
    found.insert((*at)[1]);
  }
  return found;
}

TEST(help, states_verbs_exit_codes_and_examples) {
  const auto help = run_tool({"--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_EQ(help.err, "");
  for (const auto& verb : all_verbs) EXPECT_THAT(help.out, HasSubstr("\n  " + verb + " "));
  for (const auto* code : {" 0  done", " 1  verify", " 2  verify", " 3  asked", " 4  create",
                           " 5  locked", " 6  not permitted", " 7  needs repair", " 8  no numbers",
                           " 9  an I/O", "10  standard output", "130  next"}) {
    EXPECT_THAT(help.out, HasSubstr(code));
  }
  EXPECT_THAT(help.out, HasSubstr("\nExamples:\n  sequencer "));
}

TEST(help, of_each_verb_has_usage_and_examples_and_fits_a_terminal) {
  for (const auto& verb : all_verbs) {
    const auto help = run_tool({verb, "--help"});
    SCOPED_TRACE(verb);
    EXPECT_EQ(help.status, 0);
    const bool on_a_file = verb != "topology" && verb != "doctor";
    EXPECT_THAT(help.out, HasSubstr("\nUsage: sequencer " + verb + " [OPTIONS]" +
                                    (on_a_file ? " FILE" : "\n")));
    EXPECT_THAT(help.out, HasSubstr("\nExample"));
    EXPECT_THAT(help.out, HasSubstr("\n  sequencer " + verb + " "));
    for (const auto& line : lines_of(help.out)) EXPECT_LE(line.size(), 100u) << line;
  }
}

TEST(help, version) {
  const auto told = run_tool({"--version"});
  EXPECT_EQ(told.status, 0);
  EXPECT_TRUE(std::regex_match(told.out, std::regex(R"(sequencer \d+\.\d+\.\d+\n)"))) << told.out;
}

TEST(manual_page, is_clean) {
  const auto checked = run({"bash", "-c", "command -v mandoc && exec mandoc -T lint \"$0\"",
                            manual});
  if (checked.out.empty()) GTEST_SKIP() << "mandoc is not installed";
  EXPECT_EQ(checked.status, 0);
  EXPECT_EQ(lines_of(checked.out).size(), 1u) << checked.out;
  EXPECT_EQ(checked.err, "");
}

TEST(manual_page, names_every_verb_and_option) {
  const auto text = content_of(manual);
  for (const auto& verb : all_verbs) {
    EXPECT_THAT(text, HasSubstr("\n.It Cm " + verb + " ")) << "described";
    EXPECT_THAT(text, HasSubstr("\n.Nm\n.Cm " + verb + "\n")) << "in the synopsis";
    const auto options = options_of(verb);
    ASSERT_THAT(options, Contains("--help")) << verb;
    for (const auto& option : options) {
      EXPECT_THAT(text, HasSubstr("Fl Fl " + option.substr(2))) << verb;
    }
  }
}

// Every code of `--help` is in the manual.
TEST(manual_page, states_the_same_exit_codes) {
  const auto help = run_tool({"--help"}).out;
  const auto text = content_of(manual);
  const std::regex code(R"(\n +(\d+)  )");
  std::size_t found = 0;
  for (auto at = std::sregex_iterator(help.begin(), help.end(), code);
       at != std::sregex_iterator(); ++at, ++found) {
    EXPECT_THAT(text, HasSubstr("\n.It " + (*at)[1].str() + "\n"));
  }
  EXPECT_EQ(found, 12u);
}

// What bash offers for the last of the words.
std::vector<std::string> offered(command::words words) {
  words.insert(words.begin(), TOOL_PROGRAM);
  command::words line{"bash", "-uc",
                      "source \"$0\" && COMP_WORDS=(\"$@\") && COMP_CWORD=$(($# - 1)) && "
                      "_sequencer && printf '%s\\n' ${COMPREPLY[@]+\"${COMPREPLY[@]}\"}",
                      completion};
  line.insert(line.end(), words.begin(), words.end());
  const auto result = run(line);
  EXPECT_EQ(result.err, "");
  auto all = lines_of(result.out);
  std::erase(all, "");
  return all;
}

TEST(completion_script, sources_cleanly) {
  const auto sourced = run({"bash", "-euc", "source \"$0\" && complete -p sequencer", completion});
  EXPECT_EQ(sourced.status, 0);
  EXPECT_EQ(sourced.err, "");
  EXPECT_EQ(sourced.out, "complete -F _sequencer sequencer\n");
}

TEST(completion_script, offers_verbs) {
  EXPECT_THAT(offered({""}), IsSupersetOf(all_verbs));
  EXPECT_THAT(offered({"v"}), ElementsAre("verify"));
  EXPECT_THAT(offered({"zz"}), IsEmpty());
}

TEST(completion_script, offers_exactly_the_options_of_each_verb) {
  for (const auto& verb : all_verbs) {
    const auto words = offered({verb, "--"});
    EXPECT_EQ(std::set<std::string>(words.begin(), words.end()), options_of(verb)) << verb;
  }
}

TEST(completion_script, offers_files_names_and_values) {
  command::scratch dir;
  const auto file = dir / "desk.seq";
  ASSERT_EQ(run_tool({"create", file, "trades"}).status, 0);
  ASSERT_EQ(run_tool({"create", file, "my traces"}).status, 0);
  EXPECT_THAT(offered({"next", dir / "des"}), ElementsAre(file));
  EXPECT_THAT(offered({"create", "--block", "5", dir / "des"}), ElementsAre(file));
  EXPECT_THAT(offered({"next", file, ""}), ElementsAre("trades", "my\\ traces"));
  EXPECT_THAT(offered({"next", "--block", file, "t"}), ElementsAre("trades"));
  EXPECT_THAT(offered({"watch", file, "trades", "t"}), ElementsAre("trades"));
  EXPECT_THAT(offered({"verify", file, ""}), IsEmpty());
  EXPECT_THAT(offered({"create", file, "x", "--durability", ""}),
              ElementsAre("ahead", "each", "memory"));
  EXPECT_THAT(offered({"adopt", file, "--floor", ""}), IsEmpty());
  EXPECT_THAT(offered({"topology", "--xml", dir / "des"}), ElementsAre(file));
  EXPECT_THAT(offered({"topology", dir / "des"}), IsEmpty());
}

}  // namespace
