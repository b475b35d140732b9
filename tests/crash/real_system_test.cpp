// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Bad input and bad days on the real kernel: file systems that are full, read-only or forgetful,
// files that somebody else cuts, swaps or writes over. Nothing is lost, nobody dies of a signal,
// and the sentence says what to do.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include <sequencer/checkpoint.hpp>

#include <src/checkpoint/crc32c.hpp>
#include <src/checkpoint/format.hpp>

#include "checkpoint_fixture.hpp"
#include "scratch.hpp"
#include "watched_os.hpp"

namespace sequencer::crash {
namespace {

namespace format = detail::format;
namespace fs = std::filesystem;

class bad_day : public crash::checkpoint_fixture {
 protected:
  static durable_sequence strict(checkpoint& file, std::string_view name = "trades",
                                 std::uint64_t gap = 16) {
    auto opened = file.sequence(name, {.create = true, .max_gap = gap});
    if (!opened) {
      ADD_FAILURE() << opened.text();
      std::abort();
    }
    return *opened;
  }

  // Takes numbers until it is stopped; how many, and why no more.
  static std::pair<std::uint64_t, errc> drain(durable_sequence& from, std::uint64_t most = 10'000) {
    for (std::uint64_t taken = 0; taken < most; ++taken) {
      const auto next = from.next();
      if (!next) return {taken, next.code()};
    }
    return {most, errc{}};
  }

  // A file with trades at 11, closed.
  void make() {
    auto file = open(true);
    auto trades = strict(file);
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(trades.next());
    ASSERT_TRUE(file.close());
  }

  void write_file(const std::string& content) {
    std::ofstream(here_.path(), std::ios::binary) << content;
  }

  std::string read_file() const {
    std::ifstream from(here_.path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(from), {}};
  }

  // Opening is refused, says why and what to do, and changes nothing.
  void expect_refused(errc code, std::initializer_list<const char*> says,
                      const checkpoint_options* with = nullptr) {
    const auto before = fs::is_regular_file(here_.path()) ? read_file() : "";
    const auto opened = checkpoint::open(here_.path(), with ? *with : here_.options());
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.code(), code) << opened.text();
    EXPECT_NE(opened.text().find(here_.path()), std::string_view::npos) << opened.text();
    for (const auto* each : says) {
      EXPECT_NE(opened.text().find(each), std::string_view::npos)
          << "no '" << each << "' in: " << opened.text();
    }
    if (fs::is_regular_file(here_.path())) {
      EXPECT_EQ(read_file(), before) << "a refused file was changed";
    }
  }
};

// ---- what is no checkpoint

TEST_F(bad_day, empty_file) {
  write_file("");
  expect_refused(errc::corrupt, {"8192", "restore"});
}

TEST_F(bad_day, truncated_file) {
  make();
  const auto whole = read_file();
  for (const std::size_t bytes : {100u, 4096u, 8191u}) {
    write_file(whole.substr(0, bytes));
    expect_refused(errc::corrupt, {"shorter"});
  }
  for (const std::size_t bytes : {8192u, 9000u, 40'000u, 40'959u}) {
    write_file(whole.substr(0, bytes));
    expect_refused(errc::corrupt, {"truncated", "adopt", std::to_string(bytes).c_str()});
  }
}

TEST_F(bad_day, foreign_and_garbage_files) {
  write_file(std::string(100'000, 'x'));
  expect_refused(errc::corrupt, {"byte 0", "not a page of this file", "restore"});
  std::string noise;
  std::uint64_t state = 42;
  while (noise.size() < 100'000) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    noise += static_cast<char>(state >> 56);
  }
  write_file(noise);
  expect_refused(errc::corrupt, {"byte 0"});
}

TEST_F(bad_day, directory_fifo_and_device) {
  ASSERT_EQ(::mkdir(here_.path().c_str(), 0755), 0);
  expect_refused(errc::invalid, {"not a directory"});
  ASSERT_EQ(::rmdir(here_.path().c_str()), 0);
  ASSERT_EQ(::mkfifo(here_.path().c_str(), 0644), 0);
  expect_refused(errc::invalid, {"regular file"});
  const auto null = checkpoint::open("/dev/null", here_.options(true));
  ASSERT_FALSE(null);
  EXPECT_EQ(null.code(), errc::invalid) << null.text();
  EXPECT_EQ(checkpoint::inspect("/dev/null", here_.options()).code(), errc::invalid);
  EXPECT_FALSE(checkpoint::adopt("/dev/null", 1, here_.options()));
}

TEST_F(bad_day, a_newer_version_is_left_alone) {
  make();
  const auto file = read_file();
  for (const int only : {0, 1}) {
    auto newer = file;
    format::page page;
    auto* at = newer.data() + static_cast<std::size_t>(only) * format::page_bytes;
    std::memcpy(&page, at, sizeof page);
    page.header.version = format::version + 1;
    page.header.crc = 0;
    page.header.crc = detail::crc32c(&page, sizeof page);
    std::memcpy(at, &page, sizeof page);
    write_file(newer);
    expect_refused(errc::version, {"newer version", "versions 1 and 2"});
  }
}

TEST_F(bad_day, another_byte_order_is_left_alone) {
  make();
  auto file = read_file();
  for (std::size_t at = 0; at < file.size(); at += 8) {
    std::reverse(file.begin() + static_cast<std::ptrdiff_t>(at),
                 file.begin() + static_cast<std::ptrdiff_t>(at) + 8);
  }
  write_file(file);
  expect_refused(errc::version, {"byte order"});
}

TEST_F(bad_day, both_copies_rotten_wait_for_a_floor) {
  make();
  auto file = read_file();
  const auto first = format::first_record_page * format::page_bytes;
  file[first + 200] ^= 1;
  file[first + format::page_bytes + 200] ^= 1;
  write_file(file);
  expect_refused(errc::corrupt, {"copy A", "copy B", "adopt", std::to_string(first).c_str()});
  const auto said = checkpoint::adopt(here_.path(), 500, here_.options());
  ASSERT_TRUE(said) << said.text();
  EXPECT_FALSE(said->empty());
  auto again = open(here_.options());
  EXPECT_EQ(*strict(again).next(), 500u) << "a lost name starts at the floor";
}

// ---- rights

TEST_F(bad_day, no_permission) {
  make();
  if (::geteuid() != 0) {
    ASSERT_EQ(::chmod(here_.path().c_str(), 0), 0);
    expect_refused(errc::denied, {"errno 13", "grant"});
    return;
  }
  ASSERT_EQ(::chmod(here_.path().c_str(), 0600), 0);
  ASSERT_EQ(::chmod(here_.directory().c_str(), 0755), 0);
  const int as_nobody = in_child([&] {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) return 3;
    const auto opened = checkpoint::open(here_.path(), here_.options());
    const auto made = checkpoint::open(here_.path("new.seq"), here_.options(true));
    const auto adopted = checkpoint::adopt(here_.path(), 1, here_.options());
    const auto seen = checkpoint::inspect(here_.path(), here_.options());
    return !opened && opened.code() == errc::denied && !made && made.code() == errc::denied &&
                   !adopted && !seen
               ? 0
               : 1;
  });
  if (as_nobody == 3) GTEST_SKIP() << "root cannot become anybody else here";
  EXPECT_EQ(as_nobody, 0);
}

// ---- mounts; root only

class mounted : public bad_day {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to mount";
    at_ = here_.directory() + "/mount";
    ASSERT_EQ(::mkdir(at_.c_str(), 0755), 0);
  }
  void TearDown() override {
    if (mounted_) ::umount2(at_.c_str(), MNT_DETACH);
  }

  // False, with a reason, where the kernel refuses (containers without the right to mount).
  bool tmpfs(const std::string& size) {
    mounted_ = ::mount("none", at_.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
    if (!mounted_) std::cout << "mount: " << std::strerror(errno) << "\n";
    return mounted_;
  }

  bool loop_ext4() {
    const auto image = here_.path("image");
    const auto command = "truncate -s 4M " + image + " && mkfs.ext4 -q -F -O ^has_journal " +
                         image + " 2>/dev/null && mount -o loop " + image + " " + at_ +
                         " 2>/dev/null";
    mounted_ = std::system(command.c_str()) == 0;
    if (!mounted_) std::cout << "no ext4 on a loop device here\n";
    return mounted_;
  }

  std::string at_;
  bool mounted_ = false;
};

TEST_F(mounted, memory_file_systems_need_consent) {
  if (!tmpfs("1m")) GTEST_SKIP() << "cannot mount";
  auto options = here_.options(true);
  options.volatile_storage = false;
  const auto refused = checkpoint::open(at_ + "/desk.seq", options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.code(), errc::unsupported);
  EXPECT_NE(refused.text().find("volatile_storage"), std::string_view::npos);
  EXPECT_TRUE(fs::is_empty(at_)) << "a refused file was made";
  options.volatile_storage = true;
  EXPECT_TRUE(checkpoint::open(at_ + "/desk.seq", options));
}

TEST_F(mounted, a_disk_that_is_full_at_create_leaves_nothing) {
  if (!tmpfs("16k")) GTEST_SKIP() << "cannot mount";
  const auto refused = checkpoint::open(at_ + "/desk.seq", here_.options(true));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.failure().os_error, ENOSPC) << refused.text();
  EXPECT_NE(refused.text().find("nothing was created"), std::string_view::npos);
  EXPECT_TRUE(fs::is_empty(at_));
}

void fill(const std::string& directory) {
  std::ofstream filler(directory + "/filler", std::ios::binary);
  const std::string block(4096, 'f');
  while (filler.write(block.data(), 4096).flush()) {
  }
}

void go_on_when_full(const std::string& directory, checkpoint_options options) {
  const auto path = directory + "/desk.seq";
  options.create = true;
  auto file = checkpoint::open(path, options);
  ASSERT_TRUE(file) << file.text();
  auto trades = file->sequence("trades", {.max_gap = 16});
  ASSERT_TRUE(trades) << trades.text();
  for (int i = 0; i < 15; ++i) {
    ASSERT_TRUE(file->sequence("s" + std::to_string(i)));
  }
  fill(directory);
  const auto refused = file->sequence("one too many");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.failure().os_error, ENOSPC) << refused.text();
  EXPECT_NE(refused.text().find("make room"), std::string_view::npos);
  for (sequence n = 1; n <= 1000; ++n) ASSERT_EQ(*trades->next(), n) << "marks need no new room";
  fs::remove(directory + "/filler");
  EXPECT_TRUE(file->sequence("now it fits"));
  ASSERT_TRUE(file->close());
  auto again = checkpoint::open(path, options);
  ASSERT_TRUE(again) << again.text();
  EXPECT_EQ(*again->sequence("trades")->next(), 1001u);
}

TEST_F(mounted, a_disk_that_fills_up_later_keeps_issuing) {
  if (!tmpfs("256k")) GTEST_SKIP() << "cannot mount";
  go_on_when_full(at_, here_.options());
}

TEST_F(mounted, so_does_ext4) {
  if (!loop_ext4()) GTEST_SKIP() << "no loop device or mkfs.ext4";
  go_on_when_full(at_, here_.options());
}

TEST_F(mounted, a_read_only_mount_is_refused) {
  if (!tmpfs("1m")) GTEST_SKIP() << "cannot mount";
  { ASSERT_TRUE(checkpoint::open(at_ + "/desk.seq", here_.options(true))); }
  ASSERT_EQ(::mount("none", at_.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr), 0);
  const auto there = checkpoint::open(at_ + "/desk.seq", here_.options(true));
  ASSERT_FALSE(there);
  EXPECT_EQ(there.failure().os_error, EROFS) << there.text();
  EXPECT_EQ(there.code(), errc::denied);
  EXPECT_NE(there.text().find("mount"), std::string_view::npos);
  EXPECT_FALSE(checkpoint::open(at_ + "/new.seq", here_.options(true)));
  EXPECT_TRUE(checkpoint::inspect(at_ + "/desk.seq", here_.options()));
}

TEST_F(mounted, overlay_is_a_local_file_system) {
  const auto part = [&](const char* name) {
    const auto made = here_.directory() + "/" + name;
    fs::create_directory(made);
    return made;
  };
  const auto how = "lowerdir=" + part("lower") + ",upperdir=" + part("upper") +
                   ",workdir=" + part("work");
  mounted_ = ::mount("none", at_.c_str(), "overlay", 0, how.c_str()) == 0;
  if (!mounted_) GTEST_SKIP() << "overlay: " << std::strerror(errno);
  auto file = checkpoint::open(at_ + "/desk.seq", here_.options(true));
  ASSERT_TRUE(file) << file.text();
  EXPECT_EQ(*strict(*file).next(), 1u);
}

TEST_F(mounted, a_full_live_directory_costs_the_live_region_only) {
  if (!tmpfs("4k")) GTEST_SKIP() << "cannot mount";
  fill(at_);
  auto options = here_.options(true);
  options.live_directory = at_;
  {
    auto file = open(options);
    EXPECT_FALSE(file.live());
    EXPECT_NE(file.live_refusal().find("room"), std::string::npos) << file.live_refusal();
    auto trades = strict(file);
    EXPECT_EQ(drain(trades, 100).first, 100u);
  }
  options.live = live_policy::required;
  const auto refused = checkpoint::open(here_.path(), options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.failure().os_error, ENOSPC) << refused.text();
}

TEST_F(mounted, a_live_directory_that_fills_up_later_does_no_harm) {
  if (!tmpfs("12k")) GTEST_SKIP() << "cannot mount";  // the header and one page of counters
  auto options = here_.options(true);
  options.live_directory = at_;
  auto file = open(options);
  EXPECT_TRUE(file.live());
  for (int i = 0; i < 40; ++i) {
    auto each = strict(file, "s" + std::to_string(i));
    EXPECT_EQ(drain(each, 20).first, 20u);
  }
}

TEST_F(bad_day, a_live_directory_on_a_disk_is_refused) {
  auto options = here_.options(true);
  options.live_directory = here_.directory();
  struct ::statfs storage {};
  ASSERT_EQ(::statfs(here_.directory().c_str(), &storage), 0);
  if (storage.f_type == TMPFS_MAGIC) GTEST_SKIP() << "/var/tmp is a tmpfs here";
  options.live = live_policy::required;
  const auto refused = checkpoint::open(here_.path(), options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.code(), errc::unsupported) << refused.text();
  EXPECT_NE(refused.text().find("tmpfs"), std::string_view::npos);
}

TEST_F(bad_day, quota) {
  GTEST_SKIP() << "a quota needs a file system mounted with one; EDQUOT is injected at every "
                  "write, allocation and sync in fault_test";
}

TEST_F(bad_day, remote_file_systems_are_refused) {
  struct remote : watched_os {
    long type = 0;
    int fstatfs(int fd, struct ::statfs* to) override {
      const int outcome = behind().fstatfs(fd, to);
      to->f_type = type;
      return outcome;
    }
  };
  make();
  remote door;
  auto options = here_.options();
  options.system = &door;
  for (const auto& [type, name] : {std::pair(0x6969L, "NFS"), {0xFF534D42L, "SMB"},
                                   {0xFE534D42L, "SMB"}, {0x00C36400L, "Ceph"},
                                   {0x01021997L, "9p"}}) {
    door.type = type;
    expect_refused(errc::unsupported, {name, "local disk"}, &options);
  }
}

// ---- limits

TEST_F(bad_day, a_file_size_limit_is_an_error_and_no_death) {
  EXPECT_EQ(0, in_child([&] {
    const rlimit small{8192, 8192};
    if (::setrlimit(RLIMIT_FSIZE, &small) != 0) return 2;
    const auto made = checkpoint::open(here_.path(), here_.options(true));
    return !made && made.failure().os_error == EFBIG ? 0 : 1;
  }));
  EXPECT_TRUE(fs::is_empty(here_.directory()));
  EXPECT_EQ(0, in_child([&] {
    const rlimit one_page_of_records{40'960, 40'960};
    if (::setrlimit(RLIMIT_FSIZE, &one_page_of_records) != 0) return 2;
    auto made = checkpoint::open(here_.path(), here_.options(true));
    if (!made || made->live()) return 3;  // the live region is larger than that
    auto trades = made->sequence("trades", {.max_gap = 16});
    if (!trades || drain(*trades, 100).first != 100) return 4;
    for (int i = 0; i < 15; ++i) {
      if (!made->sequence("s" + std::to_string(i))) return 5;
    }
    const auto more = made->sequence("one too many");
    if (more || more.failure().os_error != EFBIG) return 6;
    return drain(*trades, 100).first == 100 && made->close() ? 0 : 7;
  }));
  auto file = open(true);
  EXPECT_EQ(*strict(file).next(), 201u);
}

// ---- while it is open

TEST_F(bad_day, truncated_while_open) {
  auto file = open(true);
  auto trades = strict(file);
  const auto durable = trades.high_water();
  ASSERT_EQ(::truncate(here_.path().c_str(), 4096), 0);
  const auto [taken, why] = drain(trades);
  EXPECT_EQ(why, errc::fenced);
  EXPECT_LE(taken, durable - 1);
  const auto closed = file.close();
  ASSERT_FALSE(closed);
  EXPECT_NE(closed.text().find("truncated to 4096"), std::string_view::npos) << closed.text();
}

TEST_F(bad_day, unlinked_or_renamed_while_open) {
  for (const bool unlinked : {true, false}) {
    auto file = open(true);
    auto trades = strict(file);
    const auto durable = trades.high_water();
    const auto before = trades.position();
    ASSERT_EQ(unlinked ? ::unlink(here_.path().c_str())
                       : ::rename(here_.path().c_str(), here_.path("away").c_str()),
              0);
    const auto [taken, why] = drain(trades);
    EXPECT_EQ(why, errc::fenced);
    EXPECT_LE(taken, durable - before);
    const auto closed = file.close();
    ASSERT_FALSE(closed);
    EXPECT_NE(closed.text().find("unlinked or renamed"), std::string_view::npos);
  }
}

TEST_F(bad_day, replaced_while_open) {
  auto file = open(true);
  auto trades = strict(file);
  {
    auto other = checkpoint::open(here_.path("other.seq"), here_.options(true));
    ASSERT_TRUE(other);
  }
  ASSERT_EQ(::rename(here_.path("other.seq").c_str(), here_.path().c_str()), 0);
  EXPECT_EQ(drain(trades).second, errc::fenced);
  const auto closed = file.close();
  ASSERT_FALSE(closed);
}

TEST_F(bad_day, older_content_copied_over_it_while_open) {
  make();
  const auto old = read_file();
  auto file = open(true);
  auto trades = strict(file);
  ASSERT_EQ(*trades.next(), 11u);
  {
    std::fstream to(here_.path(), std::ios::binary | std::ios::in | std::ios::out);
    to << old;
  }
  EXPECT_EQ(drain(trades).second, errc::fenced);
  const auto closed = file.close();
  ASSERT_FALSE(closed);
  EXPECT_NE(closed.text().find("replaced while open"), std::string_view::npos) << closed.text();
}

TEST_F(bad_day, the_reason_is_told_to_everybody_who_asks) {
  auto file = open(true);
  auto trades = strict(file);
  ASSERT_EQ(::unlink(here_.path().c_str()), 0);
  static_cast<void>(drain(trades));
  const auto more = file.sequence("more", {.create = true});
  ASSERT_FALSE(more);
  EXPECT_EQ(more.code(), errc::fenced);
  EXPECT_NE(more.text().find("unlinked"), std::string_view::npos);
  EXPECT_EQ(file.backup(here_.path("copy")).code(), errc::fenced);
}

}  // namespace
}  // namespace sequencer::crash
