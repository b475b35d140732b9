// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <src/checkpoint/os.hpp>

// A machine in memory, seen through the door to the operating system: one disk under /disk, one
// tmpfs under /live. Everything that happens to the disk goes into a journal, so that every state
// a power cut or a kill can leave is built afterwards, and the real code recovers from each.
namespace sequencer::crash {

inline constexpr std::size_t sector_bytes = 512;
inline constexpr std::size_t sectors_per_page = 8;

using bytes = std::vector<std::uint8_t>;
using sector = std::array<std::uint8_t, sector_bytes>;

// What lies on the disk at one moment.
struct disk_image {
  std::map<std::uint64_t, bytes> files;        // by inode
  std::map<std::string, std::uint64_t> names;  // path -> inode
};

// What lies in the tmpfs: the pages of each file that are backed.
struct live_image {
  struct file {
    std::uint64_t inode = 0;
    std::uint64_t length = 0;
    std::uint32_t mode = 0;
    std::map<std::uint64_t, bytes> pages;  // by offset
  };
  std::map<std::string, file> files;
};

// One thing that happened to the disk.
struct disk_event {
  enum kind : std::uint8_t {
    create,
    write,
    resize,
    sync_file,
    failed_sync,  // what was dirty stays readable, but no later sync looks at it
    name,
    unname,
    sync_names
  };

  kind what = write;
  std::uint64_t inode = 0;
  std::uint64_t at = 0;  // offset, or new length
  bytes data{};
  std::string path{};
  std::shared_ptr<const live_image> live{};  // the tmpfs at that moment
  std::string boot_id{};
  std::uint64_t count = 0;  // bytes that a sync of a file covers; 0 for all
};

struct journal {
  disk_image start;  // durable
  std::vector<disk_event> events;
  std::string boot_id;
};

// Ways to build a door that breaks a promise of the disk; see power_loss_test.cpp.
struct sabotage {
  bool one_copy = false;       // copy B lies where copy A does
  bool sync_is_a_lie = false;  // sync returns success and does nothing
  std::function<void(std::uint64_t at, bytes& page)> rewrite{};  // of a whole page on its way out
};

// What the next sync but `after` does instead of its work.
struct bad_sync {
  enum kind : std::uint8_t { kills, fails };
  kind how = kills;
  std::uint64_t after = 0;
};

// A machine that runs. Not thread safe beyond a lock around each call.
class machine {
 public:
  explicit machine(disk_image disk = {}, std::uint64_t seed = 1);
  machine(const machine&) = delete;
  machine& operator=(const machine&) = delete;
  ~machine();

  // A process's door. When the process is killed its door does nothing more.
  class process;
  std::unique_ptr<process> boot_process();

  // Power cut or reset: a new boot id, an empty tmpfs.
  void reboot();

  // What is there now, as programs see it.
  disk_image disk() const;
  live_image live() const;
  void restore_live(const live_image& from);
  void replace_content(const std::string& path, bytes content);  // same inode, behind the scenes
  bytes content(const std::string& path) const;

  const journal& log() const { return log_; }
  // Forgets the past: what is there now counts as durable.
  void start_journal();
  void stop_journal() { logging_ = false; }
  std::size_t position() const;

  void set_boot_id(std::string id) { boot_id_ = std::move(id); }
  const std::string& boot_id() const { return boot_id_; }

  sabotage sabotaged;
  std::int64_t sync_ns = 60'000;  // what a sync takes on the simulated clock
  std::uint64_t syncs = 0;        // calls of fdatasync, fsync and durable writes
  long disk_type;                 // f_type of /disk
  std::uint64_t live_room = std::uint64_t{1} << 40;  // bytes that the tmpfs can still back
  std::optional<bad_sync> to_come;

 private:
  friend class process;

  struct inode {
    std::uint64_t number = 0;
    std::uint32_t mode = 0100644;
    bytes data;
    int memory = -1;  // tmpfs: a memory file, which can be mapped
    ~inode();
  };
  using node = std::shared_ptr<inode>;

  node find(const std::string& path) const;
  node make(const std::string& path, std::uint32_t mode);
  void note(disk_event happened);
  std::uint32_t links(const inode& of) const;
  static bool on_tmpfs(const std::string& path) { return path.starts_with("/live"); }
  live_image live_now() const;
  std::uint64_t random();

  mutable std::mutex guard_;
  std::map<std::string, node> names_;
  std::map<const inode*, const void*> locks_;  // who holds the whole-file lock
  journal log_;
  bool logging_ = false;
  std::string boot_id_;
  std::uint64_t boots_ = 0;
  std::uint64_t next_inode_ = 100;
  std::uint64_t random_;
  std::int64_t clock_ns_ = 1'000'000'000;
};

class machine::process final : public detail::os {
 public:
  explicit process(machine& on) : on_(on) {}
  ~process() override { kill(); }

  // SIGKILL: nothing that this process does from now on has an effect, stores into mapped memory
  // included; its locks are gone.
  void kill();
  bool alive() const { return alive_; }

  int open(const char* path, int flags, mode_t mode) override;
  int close(int fd) override;
  ssize_t pread(int fd, void* to, std::size_t count, off_t at) override;
  ssize_t pwrite(int fd, const void* from, std::size_t count, off_t at) override;
  ssize_t pwrite_durably(int fd, const void* from, std::size_t count, off_t at) override;
  int fdatasync(int fd) override;
  int fsync(int fd) override;
  int fstat(int fd, struct ::stat* to) override;
  int stat(const char* path, struct ::stat* to) override;
  int fstatfs(int fd, struct ::statfs* to) override;
  int link(const char* from, const char* to) override;
  int unlink(const char* path) override;
  int rename(const char* from, const char* to) override;
  int allocate(int fd, off_t at, off_t count) override;
  int truncate(int fd, off_t length) override;
  int lock(int fd) override;
  int is_locked(int fd) override;
  void* map(int fd, std::size_t count) override;
  int unmap(void* at, std::size_t count) override;
  int random(void* to, std::size_t count) override;
  std::string real_path(const char* path) override;
  std::string boot_id() override;
  std::int64_t birth_ns(int fd) override;
  std::int64_t wall_ns() override;
  std::int64_t steady_ns() override;

 private:
  struct descriptor {
    node file;  // none: a directory
    std::string path;
  };

  descriptor* find(int fd);
  int refuse(int why) const;
  void describe(const inode& from, struct ::stat* to) const;
  int sync(int fd, std::uint64_t at = 0, std::uint64_t count = 0);
  std::optional<int> sync_badly(const descriptor& at);

  machine& on_;
  bool alive_ = true;
  bool buried_ = false;  // its locks and mappings are gone too
  std::map<int, descriptor> open_;
  std::set<void*> mappings_;
};

// Every disk that a power cut after `events` events of the journal can leave: each sector has one
// of the values it held since it was synced, each unsynced change of a name or a length happened
// or did not, in order. Exhaustive while there are at most `exhaustive` states, else that many
// samples, the extremes among them. Returns how many were visited.
std::uint64_t each_power_cut(const journal& log, std::size_t events, std::uint64_t exhaustive,
                             std::uint64_t seed,
                             const std::function<void(const disk_image&)>& visit);

// The disk that a kill after `events` events leaves.
disk_image after_kill(const journal& log, std::size_t events);

}  // namespace sequencer::crash
