// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "new_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "failure.hpp"
#include "page_store.hpp"
#include "storage.hpp"

namespace sequencer::detail {

using namespace format;

namespace {

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// A descriptor that is closed, and its file unlinked, on every way out.
class temporary {
 public:
  temporary(os& system, std::string path) : system_(system), path_(std::move(path)) {
    system_.unlink(path_.c_str());  // a crash may have left one under this very name
    fd_ = system_.open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    why_ = fd_ < 0 ? errno : 0;
  }
  ~temporary() {
    if (fd_ < 0) return;
    system_.close(fd_);
    system_.unlink(path_.c_str());
  }
  temporary(const temporary&) = delete;
  temporary& operator=(const temporary&) = delete;

  int fd() const { return fd_; }
  int why() const { return why_; }
  const std::string& path() const { return path_; }

 private:
  os& system_;
  std::string path_;
  int fd_ = -1;
  int why_ = 0;
};

// What the pages of one file have in common.
struct common {
  bytes16 uuid;
  std::uint64_t epoch;
  std::uint32_t version;
};

int write_twice(os& system, int fd, page& content, page_kind kind, std::uint32_t index,
                const common& of) {
  for (int copy = 0; copy < 2; ++copy) {
    seal(content, kind, index, static_cast<std::uint64_t>(copy) + 1, of.uuid, of.epoch,
         of.version);
    const auto at = offset_of(kind, index, copy);
    if (const int bad = write_fully(system, fd, &content, page_bytes, at, false)) return bad;
  }
  return 0;
}

int write_pages(os& system, int fd, file_image& image, const bytes16& uuid) {
  const common all{uuid, image.header.open_epoch, image.version};
  page head{};
  std::copy_n(reinterpret_cast<const std::uint8_t*>(&image.header), sizeof image.header,
              head.body.begin());
  int bad = write_twice(system, fd, head, page_kind::header, 0, all);
  for (std::uint32_t i = 0; bad == 0 && i < image.ledger.size(); ++i) {
    bad = write_twice(system, fd, image.ledger[i], page_kind::ledger, i, all);
  }
  for (std::uint32_t i = 0; bad == 0 && i < image.records.size(); ++i) {
    bad = write_twice(system, fd, image.records[i], page_kind::records, i, all);
  }
  return bad;
}

int sync_directory(os& system, const std::string& directory) {
  const int fd = system.open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (fd < 0) return errno;
  const int bad = system.fsync(fd) == 0 ? 0 : errno;
  system.close(fd);
  return bad;
}

}  // namespace

result<void> write_new_file(os& system, const std::string& path, file_image& image,
                            bool replace) {
  const auto trouble = [&](int bad, const char* what) {
    return system_failure(bad, path, what,
                          bad == EEXIST
                              ? "nothing was created: name a file that does not exist"
                              : "nothing was created: make room or grant access, then try again");
  };
  temporary draft(system, path + ".new-" + std::to_string(::getpid()));
  if (draft.fd() < 0) return trouble(draft.why(), "creating the file");
  struct ::stat identity {};
  if (system.fstat(draft.fd(), &identity) != 0) return trouble(errno, "asking for its inode");
  bytes16 uuid{};
  if (system.random(uuid.data(), uuid.size()) != 0) return trouble(errno, "drawing a uuid");
  auto& header = image.header;
  header.byte_order = byte_order_mark;
  header.device = identity.st_dev;
  header.inode = identity.st_ino;
  header.born_ns = system.birth_ns(draft.fd());
  struct ::stat replaced {};
  if (replace && system.stat(path.c_str(), &replaced) == 0 &&
      system.make_like(draft.fd(), replaced) != 0) {
    return trouble(errno, "giving the new file the owner and mode of the old one");
  }
  header.pairs = image.records.size();
  if (header.created_ns == 0) header.created_ns = system.wall_ns();
  const auto bytes = static_cast<off_t>(file_bytes(image.records.size()));
  if (const int bad = system.allocate(draft.fd(), 0, bytes)) {
    return trouble(bad, "reserving room for the file");
  }
  if (const int bad = write_pages(system, draft.fd(), image, uuid)) {
    return trouble(bad, "writing the new file");
  }
  if (system.fsync(draft.fd()) != 0) return trouble(errno, "syncing the new file");
  const auto* draft_name = draft.path().c_str();
  if ((replace ? system.rename(draft_name, path.c_str())
               : system.link(draft_name, path.c_str())) != 0) {
    return trouble(errno, "giving the new file its name");
  }
  if (const int bad = sync_directory(system, directory_of(path))) {
    if (replace) {
      return system_failure(bad, path, "syncing the directory of the file, which was replaced",
                            "sync it, or a power cut may bring the old file back");
    }
    system.unlink(path.c_str());
    return trouble(bad, "syncing the directory");
  }
  return {};
}

result<int> open_or_create(os& system, const std::string& path, bool create, bool volatile_ok) {
  auto opened = open_existing(system, path);
  if (opened || !create || opened.failure().os_error != ENOENT) return opened;
  const int directory =
      system.open(directory_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (directory < 0) {
    return system_failure(errno, path, "opening the directory for the new file", "create it");
  }
  auto storage = check_file_system(system, directory, path, volatile_ok);
  system.close(directory);
  if (!storage) return storage.failure();
  file_image empty;
  empty.records.resize(1);
  if (auto made = write_new_file(system, path, empty);
      !made && made.failure().os_error != EEXIST) {
    return made.failure();
  }
  return open_existing(system, path);
}

}  // namespace sequencer::detail
