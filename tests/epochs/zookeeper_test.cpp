// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// The same random program runs against ZooKeeper and against name_list: the same names come out,
// the same paths are refused. The server is this test's own, on the loopback, and ends with it.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <sequencer/name_list.hpp>

#include "tests/stress/rounds.hpp"
#include "tests/tool/command.hpp"

namespace {

using sequencer::counter;
using sequencer::name_list;

constexpr auto server_jar = "/usr/share/java/zookeeper.jar";
constexpr std::chrono::seconds patience{60};

// A port of the loopback that nobody has right now; 0 where there is none.
int free_port() {
  const int at = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const as_any = reinterpret_cast<sockaddr*>(&address);
  const bool bound = ::bind(at, as_any, size) == 0 && ::getsockname(at, as_any, &size) == 0;
  ::close(at);
  return bound ? ntohs(address.sin_port) : 0;
}

// A session with the server; waits until it is connected.
class session {
 public:
  // Gives up when the server is gone.
  bool open(int port, const command::running& server) {
    ::zoo_set_debug_level(static_cast<ZooLogLevel>(0));
    const auto where = "127.0.0.1:" + std::to_string(port);
    handle_ = ::zookeeper_init(where.c_str(), on_event, 10'000, nullptr, this, 0);
    const auto end = std::chrono::steady_clock::now() + patience;
    std::unique_lock held(changing_);
    while (!connected_ && !server.ended() && std::chrono::steady_clock::now() < end) {
      changed_.wait_for(held, std::chrono::milliseconds(100));
    }
    return connected_;
  }
  ~session() {
    if (handle_ != nullptr) ::zookeeper_close(handle_);
  }

  zhandle_t* get() const { return handle_; }

 private:
  static void on_event(zhandle_t*, int, int state, const char*, void* self) {
    if (state != ZOO_CONNECTED_STATE) return;
    auto& mine = *static_cast<session*>(self);
    const std::lock_guard held(mine.changing_);
    mine.connected_ = true;
    mine.changed_.notify_all();
  }

  zhandle_t* handle_ = nullptr;
  std::mutex changing_;
  std::condition_variable changed_;
  bool connected_ = false;
};

// A ZooKeeper of one node with a directory of its own. It ends with this process, however that
// ends.
class server {
 public:
  // Empty, or why there is none.
  std::string start() {
    if (!std::filesystem::exists(server_jar)) {
      return std::string(server_jar) + " is not there (Debian: zookeeper)";
    }
    if (command::run({"sh", "-c", "command -v java setpriv"}).status != 0) {
      return "java or setpriv is not there (Debian: default-jre-headless, util-linux)";
    }
    for (int tries = 0; tries < 5; ++tries) {  // another program may take the port first
      const int port = free_port();
      if (port == 0) return "there is no free port on the loopback";
      launch(port);
      session_ = std::make_unique<session>();
      if (session_->open(port, *process_)) return "";
      session_.reset();
    }
    process_->signal(SIGKILL);
    ADD_FAILURE() << "ZooKeeper did not start: " << process_->finish().err;
    return "";
  }

  zhandle_t* get() const { return session_->get(); }
  bool runs() const { return session_ != nullptr; }

 private:
  void launch(int port) {
    const auto config = files_ / "zoo.cfg";
    std::ofstream(config) << "clientPortAddress=127.0.0.1\nclientPort=" << port
                          << "\ndataDir=" << files_ / "data"
                          << "\nadmin.enableServer=false\ntickTime=2000\nmaxClientCnxns=0\n";
    process_.reset();
    process_ = std::make_unique<command::running>(command::words{
        "setpriv", "--pdeathsig", "KILL", "java", "-Xmx64m", "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1", "-Dzookeeper.jmx.log4j.disable=true",
        "-Dzookeeper.forceSync=no", "-cp", server_jar,
        "org.apache.zookeeper.server.ZooKeeperServerMain", config});
  }

  command::scratch files_;
  std::unique_ptr<command::running> process_;
  std::unique_ptr<session> session_;
};

// What a create came to: ZooKeeper's code, and the name where there is one.
struct answer {
  int code = ZOK;
  std::string name;
  bool operator==(const answer&) const = default;
  friend void PrintTo(const answer& of, std::ostream* to) { *to << of.code << " " << of.name; }
};

class zookeeper_test : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<server>();
    why_not_ = server_->start();
  }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override {
    if (!why_not_.empty()) GTEST_SKIP() << "skipped: " << why_not_;
    ASSERT_TRUE(server_->runs());
  }

  static answer create(const std::string& path, int flags) {
    char name[512];
    const int code = ::zoo_create(server_->get(), path.c_str(), nullptr, -1,
                                  &ZOO_OPEN_ACL_UNSAFE, flags, name, sizeof name);
    return {code, code == ZOK ? name : ""};
  }

  static int remove(const std::string& path) {
    return ::zoo_delete(server_->get(), path.c_str(), -1);
  }

  static std::vector<std::string> children(const std::string& path) {
    String_vector found{};
    EXPECT_EQ(::zoo_get_children(server_->get(), path.c_str(), 0, &found), ZOK);
    std::vector<std::string> all;
    for (int i = 0; i < found.count; ++i) all.push_back(path + "/" + found.data[i]);
    ::deallocate_String_vector(&found);
    std::sort(all.begin(), all.end());
    return all;
  }

  static inline std::unique_ptr<server> server_;
  static inline std::string why_not_;
};

// A parent there and here.
class parent {
 public:
  explicit parent(const std::string& path) : list_(path, numbers_) {}

  answer create(const std::string& prefix) {
    const auto name = list_.create(prefix);
    return name ? answer{ZOK, *name} : answer{code_of(name.code()), ""};
  }
  answer add(const std::string& name) {
    const auto added = list_.add(name);
    return added ? answer{ZOK, name} : answer{code_of(added.code()), ""};
  }
  bool remove(const std::string& name) { return static_cast<bool>(list_.remove(name)); }
  std::vector<std::string> names() const { return list_.names(); }

 private:
  static int code_of(sequencer::errc code) {
    return code == sequencer::errc::locked ? ZNODEEXISTS : ZBADARGUMENTS;
  }

  counter numbers_;
  name_list<> list_;
};

TEST_F(zookeeper_test, the_same_program_gives_the_same_names) {
  std::mt19937_64 random(sequencer::stress::seed_of_run());
  const auto below = [&](std::size_t bound) { return random() % bound; };
  const std::vector<std::string> paths{"/tasks", "/locks", "/t\xc3\xa4sks", "/with.dot-1"};
  const std::vector<std::string> prefixes{"task_", "",            "n-",      "lock-7",
                                          "..",    "_c_0a-lock-", "\xc3\xa9"};
  const int flags[] = {ZOO_SEQUENCE, ZOO_SEQUENCE | ZOO_EPHEMERAL};
  std::map<std::string, std::unique_ptr<parent>> ours;
  for (const auto& path : paths) {
    ASSERT_EQ(create(path, 0).code, ZOK) << path;
    ours[path] = std::make_unique<parent>(path);
  }
  int made = 0;
  int removed = 0;
  int anew = 0;
  for (int step = 0; step < 1'500; ++step) {
    const auto& path = paths[below(paths.size())];
    auto& mine = ours[path];
    const auto& prefix = prefixes[below(prefixes.size())];
    const auto names = mine->names();
    switch (const auto what = below(100); what < 70 ? 0 : what < 80 ? 1 : what < 98 ? 2 : 3) {
      case 0: {
        const auto whole = path + "/" + prefix;
        const auto theirs = create(whole, flags[below(2)]);
        ASSERT_EQ(mine->create(whole), theirs) << whole;
        ++made;
        break;
      }
      case 1: {
        const auto name = path + "/plain" + std::to_string(below(20));
        ASSERT_EQ(mine->add(name), create(name, 0)) << name;
        break;
      }
      case 2:
        if (!names.empty()) {
          const auto& name = names[below(names.size())];
          ASSERT_EQ(remove(name), ZOK);
          ASSERT_TRUE(mine->remove(name));
          ++removed;
        }
        break;
      default:  // the parent is made anew, and counts anew
        for (const auto& name : names) ASSERT_EQ(remove(name), ZOK);
        ASSERT_EQ(remove(path), ZOK);
        ASSERT_EQ(create(path, 0).code, ZOK);
        mine = std::make_unique<parent>(path);
        ++anew;
    }
  }
  for (const auto& path : paths) EXPECT_EQ(ours[path]->names(), children(path));
  std::cout << made << " names, " << removed << " removed, " << anew << " parents made anew\n";
  EXPECT_GT(made, 900);
  EXPECT_GT(removed, 100);
  EXPECT_GT(anew, 5);
}

TEST_F(zookeeper_test, the_root_counts_too) {
  // What other tests left below the root was counted: where it stands is asked for once.
  const auto first = create("/r-", ZOO_SEQUENCE);
  ASSERT_EQ(first.code, ZOK);
  counter numbers{sequencer::parse_name(first.name)->number + 1};
  name_list list("/", numbers);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(create("/r-", ZOO_SEQUENCE).name, *list.create("/r-"));
}

TEST_F(zookeeper_test, the_same_paths_are_refused) {
  std::mt19937_64 random(sequencer::stress::seed_of_run());
  for (const auto* each : {"/p", "/p/a", "/p/a/a"}) ASSERT_EQ(create(each, 0).code, ZOK);
  const std::vector<std::string> pieces{
      "a", "a/", "/", ".", "..", "//", "\x01", "\x1f", "\x7f", " ", "-", "\xc2\x80", "\xc2\x9f",
      "\xc2\xa0", "\xc3\xa9", "\xe2\x82\xac", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xa3\xbf",
      "\xef\xa4\x80", "\xef\xbf\xaf", "\xef\xbf\xb0", "\xef\xbf\xbd", "\xf0\x9f\x98\x80", "\xff",
      "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xe0\x80\xaf", "\x80"};
  int refused = 0;
  int taken = 0;
  for (int i = 0; i < 2'000; ++i) {
    std::string path = random() % 16 == 0 ? "" : "/p/";
    for (auto count = random() % 4; count != 0; --count) path += pieces[random() % pieces.size()];
    if (path.starts_with("/zookeeper")) continue;
    const auto theirs = create(path, ZOO_SEQUENCE);
    if (theirs.code == ZNONODE) continue;  // it asks for the parent before it looks at the path
    const bool took = theirs.code == ZOK;
    ASSERT_TRUE(took || theirs.code == ZBADARGUMENTS) << theirs.code;
    EXPECT_EQ(sequencer::is_name_prefix(path), took) << testing::PrintToString(path);
    took ? ++taken : ++refused;
  }
  std::cout << taken << " taken, " << refused << " refused\n";
  EXPECT_GT(taken, 400);
  EXPECT_GT(refused, 400);
}

// A deliberate difference: a number whose name is there already. ZooKeeper's create fails, and
// fails again, as the number stays; ours goes on with the next one.
TEST_F(zookeeper_test, differs_where_the_numbers_name_is_there) {
  ASSERT_EQ(create("/full", 0).code, ZOK);
  parent mine("/full");
  ASSERT_EQ(create("/full/a-0000000001", 0).code, ZOK);
  ASSERT_EQ(mine.add("/full/a-0000000001").code, ZOK);
  EXPECT_EQ(create("/full/a-", ZOO_SEQUENCE).code, ZNODEEXISTS);
  EXPECT_EQ(create("/full/a-", ZOO_SEQUENCE).code, ZNODEEXISTS);
  EXPECT_EQ(mine.create("/full/a-").name, "/full/a-0000000002");
  EXPECT_EQ(create("/full/b-", ZOO_SEQUENCE).name, "/full/b-0000000001");
  EXPECT_EQ(create("/full/a-", ZOO_SEQUENCE).name, "/full/a-0000000002");
}

}  // namespace
