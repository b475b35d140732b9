// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/checkpoint.hpp>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "crash/scratch.hpp"

// Which file is the file: copies under an old name, adoption through a link.
namespace {

namespace fs = std::filesystem;
using sequencer::checkpoint;
using sequencer::errc;
using sequencer::crash::scratch;

sequencer::sequence take(const std::string& path, const sequencer::checkpoint_options& options,
                         int count) {
  auto file = checkpoint::open(path, options);
  EXPECT_TRUE(file) << file.text();
  if (!file) return 0;
  auto numbers = file->sequence("trades");
  EXPECT_TRUE(numbers) << numbers.text();
  sequencer::sequence last = 0;
  for (int i = 0; i < count; ++i) last = *numbers->next();
  return last;
}

ino_t inode_of(const std::string& path) {
  struct stat found {};
  EXPECT_EQ(::stat(path.c_str(), &found), 0);
  return found.st_ino;
}

// A file system may give a removed file's inode number to the copy that takes its place.
TEST(Identity, AnOlderCopyUnderARecycledInodeIsRefused) {
  const scratch here;
  const auto path = here.path();
  take(path, here.options(true), 5);
  const auto inode = inode_of(path);
  fs::copy_file(path, here.path("older"));
  take(path, here.options(), 100);
  bool recycled = false;
  for (int attempt = 0; attempt < 16 && !recycled; ++attempt) {
    fs::remove(path);
    fs::copy_file(here.path("older"), path);
    recycled = inode_of(path) == inode;
  }
  if (!recycled) GTEST_SKIP() << "this file system did not hand out the inode number again";
  const auto opened = checkpoint::open(path, here.options());
  ASSERT_FALSE(opened) << "an older copy opened: its numbers would be issued again";
  EXPECT_EQ(opened.code(), errc::fenced);
  EXPECT_NE(opened.text().find("birth"), std::string::npos) << opened.text();
  const auto seen = checkpoint::inspect(path, here.options());
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->state, sequencer::checkpoint_report::verdict::refused);
}

TEST(Identity, AdoptThroughALinkAdoptsTheFileItself) {
  const scratch here;
  const auto path = here.path();
  const auto link = here.path("link.seq");
  take(path, here.options(true), 5);
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink(path, link);
  ASSERT_TRUE(checkpoint::adopt(link, 5000, here.options()));
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(take(path, here.options(), 1), 5000u);
  EXPECT_EQ(take(link, here.options(), 1), 5001u);
}

TEST(Identity, AdoptingAnOlderBackupRaisesTheEpochBeyondTheOriginals) {
  const scratch here;
  const auto path = here.path();
  take(path, here.options(true), 1);
  fs::copy_file(path, here.path("older"));
  for (int i = 0; i < 10; ++i) take(path, here.options(), 1);
  auto original = checkpoint::open(path, here.options());
  ASSERT_TRUE(original) << original.text();
  ASSERT_TRUE(checkpoint::adopt(here.path("older"), 1000, here.options()));
  auto adopted = checkpoint::open(here.path("older"), here.options());
  ASSERT_TRUE(adopted) << adopted.text();
  EXPECT_GT(adopted->open_epoch(), original->open_epoch());
}

}  // namespace
