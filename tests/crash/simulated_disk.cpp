// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "simulated_disk.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

namespace sequencer::crash {

namespace {

constexpr std::uint64_t page_of_memory = 4096;
constexpr std::uint64_t device = 7;

// Unlike any real one: the library's fork handlers close what they remember.
int new_descriptor() {
  static std::atomic<int> next{1 << 24};
  return next.fetch_add(1, std::memory_order_relaxed);
}

std::uint64_t mix(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15;
  auto z = state;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

std::string boot_name(std::uint64_t number) {
  char text[37];
  std::snprintf(text, sizeof text, "%08llx-0000-4000-8000-000000000000",
                static_cast<unsigned long long>(number));
  return text;
}

std::map<std::uint64_t, bytes> backed_pages(int memory) {
  std::map<std::uint64_t, bytes> pages;
  const auto length = ::lseek(memory, 0, SEEK_END);
  for (off_t at = 0; (at = ::lseek(memory, at, SEEK_DATA)) >= 0 && at < length;) {
    const auto end = ::lseek(memory, at, SEEK_HOLE);
    for (; at < end; at += static_cast<off_t>(page_of_memory)) {
      bytes page(page_of_memory);
      if (::pread(memory, page.data(), page.size(), at) <= 0) break;
      pages.emplace(static_cast<std::uint64_t>(at), std::move(page));
    }
    at = end;
  }
  return pages;
}

int memory_file(std::uint64_t length, const std::map<std::uint64_t, bytes>& pages) {
  const int made = ::memfd_create("simulated-tmpfs", MFD_CLOEXEC);
  if (made < 0 || ::ftruncate(made, static_cast<off_t>(length)) != 0) std::abort();
  for (const auto& [at, page] : pages) {
    const auto put = ::pwrite(made, page.data(), page.size(), static_cast<off_t>(at));
    if (put != static_cast<ssize_t>(page.size())) std::abort();
  }
  if (!pages.empty() && ::ftruncate(made, static_cast<off_t>(length)) != 0) std::abort();
  return made;
}

std::uint64_t length_of(int memory) {
  return static_cast<std::uint64_t>(::lseek(memory, 0, SEEK_END));
}

}  // namespace

// ---- the machine

machine::inode::~inode() {
  if (memory >= 0) ::close(memory);
}

machine::machine(disk_image disk, std::uint64_t seed)
    : disk_type(EXT4_SUPER_MAGIC), boot_id_(boot_name(0)), random_(seed) {
  for (const auto& [path, number] : disk.names) {
    auto made = std::make_shared<inode>();
    for (const auto& [other, known] : names_) {
      if (known->number == number) made = known;
    }
    made->number = number;
    made->data = disk.files.at(number);
    names_[path] = made;
    next_inode_ = std::max(next_inode_, number + 1);
  }
  start_journal();
}

machine::~machine() = default;

std::unique_ptr<machine::process> machine::boot_process() {
  return std::make_unique<process>(*this);
}

void machine::reboot() {
  const std::lock_guard held(guard_);
  boot_id_ = boot_name(++boots_);
  std::erase_if(names_, [](const auto& each) { return on_tmpfs(each.first); });
}

disk_image machine::disk() const {
  disk_image now;
  for (const auto& [path, file] : names_) {
    if (on_tmpfs(path)) continue;
    now.names[path] = file->number;
    now.files[file->number] = file->data;
  }
  return now;
}

live_image machine::live_now() const {
  live_image now;
  for (const auto& [path, file] : names_) {
    if (!on_tmpfs(path)) continue;
    now.files[path] = {file->number, length_of(file->memory), file->mode,
                       backed_pages(file->memory)};
  }
  return now;
}

live_image machine::live() const {
  const std::lock_guard held(guard_);
  return live_now();
}

void machine::restore_live(const live_image& from) {
  const std::lock_guard held(guard_);
  std::erase_if(names_, [](const auto& each) { return on_tmpfs(each.first); });
  for (const auto& [path, file] : from.files) {
    auto made = std::make_shared<inode>();
    made->number = file.inode;
    made->mode = file.mode;
    made->memory = memory_file(file.length, file.pages);
    names_[path] = made;
    next_inode_ = std::max(next_inode_, file.inode + 1);
  }
}

void machine::replace_content(const std::string& path, bytes content) {
  const std::lock_guard held(guard_);
  find(path)->data = std::move(content);
}

bytes machine::content(const std::string& path) const {
  const std::lock_guard held(guard_);
  return find(path)->data;
}

void machine::start_journal() {
  log_ = {disk(), {}, boot_id_};
  logging_ = true;
}

std::size_t machine::position() const {
  const std::lock_guard held(guard_);
  return log_.events.size();
}

machine::node machine::find(const std::string& path) const {
  const auto at = names_.find(path);
  return at == names_.end() ? nullptr : at->second;
}

machine::node machine::make(const std::string& path, std::uint32_t mode) {
  auto made = std::make_shared<inode>();
  made->number = next_inode_++;
  made->mode = 0100000 | (mode & 0777);
  if (on_tmpfs(path)) made->memory = memory_file(0, {});
  names_[path] = made;
  if (!on_tmpfs(path)) {
    note({disk_event::create, made->number});
    note({disk_event::name, made->number, 0, {}, path});
  }
  return made;
}

void machine::note(disk_event happened) {
  if (!logging_) return;
  happened.live = std::make_shared<const live_image>(live_now());
  happened.boot_id = boot_id_;
  log_.events.push_back(std::move(happened));
}

std::uint32_t machine::links(const inode& of) const {
  return static_cast<std::uint32_t>(std::count_if(
      names_.begin(), names_.end(), [&](const auto& each) { return each.second.get() == &of; }));
}

std::uint64_t machine::random() { return mix(random_); }

// ---- a process

void machine::process::kill() {
  const std::lock_guard held(on_.guard_);
  if (buried_) return;
  buried_ = true;
  alive_ = false;
  for (auto& [fd, each] : open_) {
    if (each.file && on_.locks_[each.file.get()] == &each) on_.locks_.erase(each.file.get());
  }
  // The dead process's threads may still store into what they mapped: what lives on is a copy.
  for (auto& [path, file] : on_.names_) {
    if (!on_tmpfs(path)) continue;
    auto frozen = std::make_shared<inode>();
    frozen->number = file->number;
    frozen->mode = file->mode;
    frozen->memory = memory_file(length_of(file->memory), backed_pages(file->memory));
    file = frozen;
  }
}

machine::process::descriptor* machine::process::find(int fd) {
  const auto at = open_.find(fd);
  return at == open_.end() ? nullptr : &at->second;
}

int machine::process::refuse(int why) const {
  errno = why;
  return -1;
}

int machine::process::open(const char* path, int flags, mode_t mode) {
  const std::lock_guard held(on_.guard_);
  if (!alive_) return refuse(EIO);
  const int fd = new_descriptor();
  if ((flags & O_DIRECTORY) != 0) {
    open_[fd] = {nullptr, path};
    return fd;
  }
  auto file = on_.find(path);
  if (file && (flags & O_EXCL) != 0) return refuse(EEXIST);
  if (!file && (flags & O_CREAT) == 0) return refuse(ENOENT);
  if (!file) file = on_.make(path, mode);
  open_[fd] = {file, path};
  return fd;
}

int machine::process::close(int fd) {
  const std::lock_guard held(on_.guard_);
  auto* open = find(fd);
  if (open == nullptr) return refuse(EBADF);
  if (!buried_ && open->file) {
    const auto at = on_.locks_.find(open->file.get());
    if (at != on_.locks_.end() && at->second == open) on_.locks_.erase(at);
  }
  open_.erase(fd);
  return 0;
}

ssize_t machine::process::pread(int fd, void* to, std::size_t count, off_t at) {
  const std::lock_guard held(on_.guard_);
  auto* open = find(fd);
  if (!alive_ || open == nullptr || !open->file) return refuse(alive_ ? EBADF : EIO);
  const auto& data = open->file->data;
  auto from = static_cast<std::size_t>(at);
  if (on_.sabotaged.one_copy && count % 4096 == 0 && from % 4096 == 0) {
    for (std::size_t page = 0; page < count; page += 4096) {
      const auto source = (from + page) / 8192 * 8192;
      if (source + 4096 > data.size()) return static_cast<ssize_t>(page);
      std::memcpy(static_cast<char*>(to) + page, data.data() + source, 4096);
    }
    return static_cast<ssize_t>(count);
  }
  if (on_.sabotaged.one_copy) from = from / 8192 * 8192 + from % 4096;
  if (from >= data.size()) return 0;
  const auto got = std::min(count, data.size() - from);
  std::memcpy(to, data.data() + from, got);
  return static_cast<ssize_t>(got);
}

ssize_t machine::process::pwrite(int fd, const void* from, std::size_t count, off_t at) {
  const std::lock_guard held(on_.guard_);
  auto* open = find(fd);
  if (!alive_ || open == nullptr || !open->file) return refuse(alive_ ? EBADF : EIO);
  auto to = static_cast<std::uint64_t>(at);
  const auto* source = static_cast<const std::uint8_t*>(from);
  bytes data(source, source + count);
  if (on_.sabotaged.rewrite) on_.sabotaged.rewrite(to, data);
  if (on_.sabotaged.one_copy) to = to / 8192 * 8192;
  auto& into = open->file->data;
  if (into.size() < to + count) into.resize(to + count);
  std::copy(data.begin(), data.end(), into.begin() + static_cast<std::ptrdiff_t>(to));
  on_.note({disk_event::write, open->file->number, to, std::move(data)});
  return static_cast<ssize_t>(count);
}

ssize_t machine::process::pwrite_durably(int fd, const void* from, std::size_t count, off_t at) {
  const auto put = pwrite(fd, from, count, at);
  if (put < 0) return -1;
  return sync(fd, static_cast<std::uint64_t>(at), count) != 0 ? -1 : put;
}

// Linux after a failed write-back: the error is told once, and the pages count as clean.
std::optional<int> machine::process::sync_badly(const descriptor& at) {
  if (!on_.to_come || on_.to_come->after-- != 0) return std::nullopt;
  const auto how = on_.to_come->how;
  on_.to_come.reset();
  if (how == bad_sync::kills) {
    alive_ = false;
  } else if (at.file) {
    on_.note({disk_event::failed_sync, at.file->number});
  }
  return refuse(EIO);
}

int machine::process::sync(int fd, std::uint64_t at, std::uint64_t count) {
  const std::lock_guard held(on_.guard_);
  auto* open = find(fd);
  if (!alive_ || open == nullptr) return refuse(alive_ ? EBADF : EIO);
  ++on_.syncs;
  on_.clock_ns_ += on_.sync_ns;
  if (const auto bad = sync_badly(*open)) return *bad;
  if (on_.sabotaged.sync_is_a_lie) return 0;
  if (open->file) {
    disk_event synced{disk_event::sync_file, open->file->number, at};
    synced.count = count;
    on_.note(std::move(synced));
  } else {
    on_.note({disk_event::sync_names});
  }
  return 0;
}

int machine::process::fdatasync(int fd) { return sync(fd); }
int machine::process::fsync(int fd) { return sync(fd); }

void machine::process::describe(const inode& from, struct ::stat* to) const {
  *to = {};
  to->st_dev = device;
  to->st_ino = from.number;
  to->st_mode = from.mode;
  to->st_uid = ::geteuid();
  to->st_nlink = on_.links(from);
  to->st_size =
      static_cast<off_t>(from.memory >= 0 ? length_of(from.memory) : from.data.size());
}

int machine::process::fstat(int fd, struct ::stat* to) {
  const std::lock_guard held(on_.guard_);
  auto* open = find(fd);
  if (!alive_ || open == nullptr || !open->file) return refuse(alive_ ? EBADF : EIO);
  describe(*open->file, to);
  return 0;
}

int machine::process::stat(const char* path, struct ::stat* to) {
  const std::lock_guard held(on_.guard_);
  if (!alive_) return refuse(EIO);
  const auto file = on_.find(path);
  if (!file) return refuse(ENOENT);
  describe(*file, to);
  return 0;
}

int machine::process::fstatfs(int fd, struct ::statfs* to) {
  const std::lock_guard held(on_.guard_);
  auto* open = find(fd);
  if (!alive_ || open == nullptr) return refuse(alive_ ? EBADF : EIO);
  *to = {};
  to->f_type = on_tmpfs(open->path) ? TMPFS_MAGIC : on_.disk_type;
  return 0;
}

int machine::process::link(const char* from, const char* to) {
  const std::lock_guard held(on_.guard_);
  if (!alive_) return refuse(EIO);
  const auto file = on_.find(from);
  if (!file) return refuse(ENOENT);
  if (on_.find(to)) return refuse(EEXIST);
  on_.names_[to] = file;
  on_.note({disk_event::name, file->number, 0, {}, to});
  return 0;
}

int machine::process::unlink(const char* path) {
  const std::lock_guard held(on_.guard_);
  if (!alive_) return refuse(EIO);
  const auto file = on_.find(path);
  if (!file) return refuse(ENOENT);
  on_.names_.erase(path);
  if (!on_tmpfs(path)) on_.note({disk_event::unname, file->number, 0, {}, path});
  return 0;
}

int machine::process::rename(const char* from, const char* to) {
  const std::lock_guard held(on_.guard_);
  if (!alive_) return refuse(EIO);
  const auto file = on_.find(from);
  if (!file) return refuse(ENOENT);
  on_.names_.erase(from);
  on_.names_[to] = file;
  on_.note({disk_event::name, file->number, 0, {}, to});  // atomic: the new name, then not the old
  on_.note({disk_event::unname, file->number, 0, {}, from});
  return 0;
}

int machine::process::allocate(int fd, off_t at, off_t count) {
  const std::lock_guard held(on_.guard_);
  auto* open = find(fd);
  if (!alive_ || open == nullptr || !open->file) return alive_ ? EBADF : EIO;
  const auto wanted = static_cast<std::uint64_t>(at + count);
  if (open->file->memory >= 0) {
    const auto room = static_cast<std::uint64_t>(count);
    if (on_.live_room < room) return ENOSPC;
    on_.live_room -= room;
    return ::posix_fallocate(open->file->memory, at, count);
  }
  if (open->file->data.size() >= wanted) return 0;
  open->file->data.resize(wanted);
  on_.note({disk_event::resize, open->file->number, wanted});
  return 0;
}

int machine::process::truncate(int fd, off_t length) {
  const std::lock_guard held(on_.guard_);
  auto* open = find(fd);
  if (!alive_ || open == nullptr || !open->file) return refuse(alive_ ? EBADF : EIO);
  if (open->file->memory >= 0) return ::ftruncate(open->file->memory, length);
  open->file->data.resize(static_cast<std::size_t>(length));
  on_.note({disk_event::resize, open->file->number, static_cast<std::uint64_t>(length)});
  return 0;
}

int machine::process::lock(int fd) {
  const std::lock_guard held(on_.guard_);
  auto* open = find(fd);
  if (!alive_ || open == nullptr || !open->file) return refuse(alive_ ? EBADF : EIO);
  const auto [at, free] = on_.locks_.emplace(open->file.get(), open);
  return free || at->second == open ? 0 : refuse(EAGAIN);
}

int machine::process::is_locked(int fd) {
  const std::lock_guard held(on_.guard_);
  auto* open = find(fd);
  if (!alive_ || open == nullptr || !open->file) return refuse(alive_ ? EBADF : EIO);
  const auto at = on_.locks_.find(open->file.get());
  return at != on_.locks_.end() && at->second != open ? 1 : 0;
}

// The library stores nothing through a mapping of what it syncs; such a mapping is a bug here.
void* machine::process::map(int fd, std::size_t count) {
  const std::lock_guard held(on_.guard_);
  auto* open = find(fd);
  if (!alive_ || open == nullptr || !open->file) {
    errno = EIO;
    return nullptr;
  }
  if (open->file->memory < 0) {
    std::fprintf(stderr, "the checkpoint file itself was mapped\n");
    std::abort();
  }
  void* at = ::mmap(nullptr, count, PROT_READ | PROT_WRITE, MAP_SHARED, open->file->memory, 0);
  return at == MAP_FAILED ? nullptr : at;
}

int machine::process::unmap(void* at, std::size_t count) { return ::munmap(at, count); }

int machine::process::random(void* to, std::size_t count) {
  const std::lock_guard held(on_.guard_);
  auto* into = static_cast<std::uint8_t*>(to);
  for (std::size_t i = 0; i < count; ++i) into[i] = static_cast<std::uint8_t>(on_.random());
  return 0;
}

std::string machine::process::real_path(const char* path) {
  const std::lock_guard held(on_.guard_);
  if (alive_ && on_.find(path)) return path;
  errno = alive_ ? ENOENT : EIO;
  return {};
}

std::string machine::process::boot_id() {
  const std::lock_guard held(on_.guard_);
  return on_.boot_id_;
}

// Inode numbers are never used again here, so the number will do.
std::int64_t machine::process::birth_ns(int fd) {
  const std::lock_guard held(on_.guard_);
  auto* open = find(fd);
  return open != nullptr && open->file ? static_cast<std::int64_t>(open->file->number) : 0;
}

std::int64_t machine::process::wall_ns() { return steady_ns() + 1'600'000'000'000'000'000; }

std::int64_t machine::process::steady_ns() {
  const std::lock_guard held(on_.guard_);
  return on_.clock_ns_ += 100;
}

// ---- what a power cut leaves

namespace {

// The disk as the journal builds it up, with what is not yet durable kept apart.
class replay {
 public:
  explicit replay(const journal& log) : durable_(log.start), current_(log.start) {}

  void apply(const disk_event& event) {
    switch (event.what) {
      case disk_event::create: current_.files[event.inode]; break;
      case disk_event::write: write(event); break;
      case disk_event::resize: resize(event.inode, event.at); break;
      case disk_event::name:
      case disk_event::unname:
        rename(current_, event);
        pending_names_.push_back(&event);
        break;
      case disk_event::sync_file:
        if (event.count == 0) {
          sync(event.inode);
        } else {
          sync_range(event);
        }
        break;
      case disk_event::failed_sync: forgotten_[event.inode].merge(dirty(event.inode)); break;
      case disk_event::sync_names:
        for (const auto* each : pending_names_) rename(durable_, *each);
        pending_names_.clear();
        break;
    }
  }

  const disk_image& current() const { return current_; }

  // One digit for each thing that may have happened or not.
  std::vector<std::size_t> choices() const {
    std::vector<std::size_t> radix;
    radix.push_back(pending_names_.size() + 1);
    for (const auto& [inode, file] : unsynced_) {
      radix.push_back(file.length ? 2 : 1);
      for (const auto& [at, values] : file.sectors) radix.push_back(values.size());
    }
    return radix;
  }

  disk_image choose(const std::vector<std::size_t>& digits) const {
    auto image = durable_;
    std::size_t digit = 0;
    for (std::size_t i = 0; i < digits[digit]; ++i) rename(image, *pending_names_[i]);
    ++digit;
    for (const auto& [inode, file] : unsynced_) {
      auto& data = image.files[inode];
      const bool grown = digits[digit++] == 1;
      const auto length = grown ? *file.length : data.size();
      data.resize(std::max<std::size_t>(length, data.size()));
      for (const auto& [at, values] : file.sectors) {
        const auto& value = values[digits[digit++]];
        if (at >= data.size()) continue;
        const auto count = std::min(sector_bytes, data.size() - at);
        std::copy_n(value.begin(), count, data.begin() + static_cast<std::ptrdiff_t>(at));
      }
      data.resize(length);
    }
    return image;
  }

 private:
  using sectors_written = std::map<std::uint64_t, std::vector<sector>>;  // by offset: every value
  struct unsynced_file {
    std::optional<std::uint64_t> length;
    sectors_written sectors;  // since the sync
  };

  static void rename(disk_image& in, const disk_event& event) {
    if (event.what == disk_event::name) {
      in.names[event.path] = event.inode;
      in.files[event.inode];
    }
    if (event.what == disk_event::unname) in.names.erase(event.path);
  }

  static sector read(const bytes& from, std::uint64_t at) {
    sector value{};
    if (at < from.size()) {
      std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(at),
                  std::min<std::size_t>(sector_bytes, from.size() - at), value.begin());
    }
    return value;
  }

  void write(const disk_event& event) {
    auto& data = current_.files[event.inode];
    const auto end = event.at + event.data.size();
    if (data.size() < end) resize(event.inode, end);
    std::copy(event.data.begin(), event.data.end(),
              data.begin() + static_cast<std::ptrdiff_t>(event.at));
    const auto& before = durable_.files[event.inode];
    for (auto at = event.at / sector_bytes * sector_bytes; at < end; at += sector_bytes) {
      auto& values = unsynced_[event.inode].sectors[at];
      if (values.empty()) values.push_back(read(before, at));
      const auto now = read(data, at);
      if (std::find(values.begin(), values.end(), now) == values.end()) values.push_back(now);
      forgotten_[event.inode].erase(at);
    }
  }

  sectors_written dirty(std::uint64_t inode) { return unsynced_[inode].sectors; }

  void resize(std::uint64_t inode, std::uint64_t length) {
    current_.files[inode].resize(length);
    unsynced_[inode].length = length;
  }

  void sync(std::uint64_t inode) {
    auto before = std::exchange(durable_.files[inode], current_.files[inode]);
    unsynced_.erase(inode);
    for (const auto& [at, values] : forgotten_[inode]) {
      unsynced_[inode].sectors[at] = values;
      const auto old = read(before, at);
      auto& now = durable_.files[inode];
      const auto count = std::min(sector_bytes, now.size() - std::min<std::size_t>(now.size(), at));
      std::copy_n(old.begin(), count, now.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }

  // A durable write says nothing of what was dirty elsewhere.
  void sync_range(const disk_event& event) {
    const auto& now = current_.files[event.inode];
    auto& kept = durable_.files[event.inode];
    const auto end = event.at + event.count;
    if (kept.size() < end) kept.resize(end);
    for (auto at = event.at / sector_bytes * sector_bytes; at < end; at += sector_bytes) {
      const auto value = read(now, at);
      std::copy_n(value.begin(), std::min<std::size_t>(sector_bytes, kept.size() - at),
                  kept.begin() + static_cast<std::ptrdiff_t>(at));
      unsynced_[event.inode].sectors.erase(at);
    }
  }

  disk_image durable_;
  disk_image current_;
  std::vector<const disk_event*> pending_names_;
  std::map<std::uint64_t, unsynced_file> unsynced_;
  std::map<std::uint64_t, sectors_written> forgotten_;  // by failed syncs, and not written since
};

void drop_nameless(disk_image& in) {
  std::erase_if(in.files, [&](const auto& file) {
    return std::none_of(in.names.begin(), in.names.end(),
                        [&](const auto& name) { return name.second == file.first; });
  });
}

replay up_to(const journal& log, std::size_t events) {
  replay state(log);
  for (std::size_t i = 0; i < events; ++i) state.apply(log.events[i]);
  return state;
}

bool step(std::vector<std::size_t>& digits, const std::vector<std::size_t>& radix) {
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (++digits[i] < radix[i]) return true;
    digits[i] = 0;
  }
  return false;
}

}  // namespace

std::uint64_t each_power_cut(const journal& log, std::size_t events, std::uint64_t exhaustive,
                             std::uint64_t seed,
                             const std::function<void(const disk_image&)>& visit) {
  const auto state = up_to(log, events);
  const auto radix = state.choices();
  std::uint64_t states = 1;
  for (const auto values : radix) states = std::min(states * values, exhaustive + 1);
  const auto show = [&](const std::vector<std::size_t>& digits) {
    auto image = state.choose(digits);
    drop_nameless(image);
    visit(image);
  };
  std::vector<std::size_t> digits(radix.size(), 0);
  if (states <= exhaustive) {
    std::uint64_t seen = 0;
    do {
      show(digits);
      ++seen;
    } while (step(digits, radix));
    return seen;
  }
  show(digits);
  for (std::size_t i = 0; i < digits.size(); ++i) digits[i] = radix[i] - 1;
  show(digits);
  for (std::uint64_t i = 2; i < exhaustive; ++i) {
    for (std::size_t d = 0; d < digits.size(); ++d) digits[d] = mix(seed) % radix[d];
    show(digits);
  }
  return exhaustive;
}

disk_image after_kill(const journal& log, std::size_t events) {
  auto image = up_to(log, events).current();
  drop_nameless(image);
  return image;
}

}  // namespace sequencer::crash
