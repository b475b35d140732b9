// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "storage.hpp"

#include <fcntl.h>
#include <linux/magic.h>

#include <cerrno>
#include <cstdint>

#include "failure.hpp"

namespace sequencer::detail {

namespace {

constexpr std::uint32_t nfs = NFS_SUPER_MAGIC;
constexpr std::uint32_t smb = SMB_SUPER_MAGIC;
constexpr std::uint32_t smb2 = 0xFE534D42;
constexpr std::uint32_t cifs = 0xFF534D42;
constexpr std::uint32_t ceph = 0x00C36400;
constexpr std::uint32_t afs = AFS_SUPER_MAGIC;
constexpr std::uint32_t nine_p = V9FS_MAGIC;
constexpr std::uint32_t coda = CODA_SUPER_MAGIC;

const char* remote_name(std::uint32_t type) {
  switch (type) {
    case nfs: return "NFS";
    case smb:
    case smb2:
    case cifs: return "SMB";
    case ceph: return "Ceph";
    case afs: return "AFS";
    case nine_p: return "9p";
    case coda: return "Coda";
    default: return nullptr;
  }
}

const char* advice_for(int os_error) {
  switch (os_error) {
    case ENOENT: return "pass create = true (`sequencer create`) if this is the first run";
    case EACCES:
    case EPERM: return "grant this user read and write access";
    case EROFS: return "mount the file system for writing";
    case EISDIR: return "name a file, not a directory";
    default: return "check the path and the device";
  }
}

}  // namespace

result<void> check_file_system(os& system, int fd, const std::string& path, bool volatile_ok) {
  struct ::statfs storage {};
  if (system.fstatfs(fd, &storage) != 0) {
    return system_failure(errno, path, "asking for its file system", "check the device");
  }
  const auto type = static_cast<std::uint32_t>(storage.f_type);
  if (const auto* remote = remote_name(type)) {
    return failure(errc::unsupported, path,
                   std::string("lies on a remote file system (") + remote +
                       "), where locks and syncs can be lost silently; use a local disk");
  }
  if (!volatile_ok && (type == TMPFS_MAGIC || type == RAMFS_MAGIC)) {
    return failure(errc::unsupported, path,
                   "lies on a memory file system, which forgets at power loss; use a disk, or "
                   "accept that with volatile_storage = true");
  }
  return {};
}

result<int> open_existing(os& system, const std::string& path) {
  const int fd = system.open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
  if (fd < 0) {
    const int why = errno;
    return system_failure(why, path, "opening the checkpoint", advice_for(why));
  }
  struct ::stat kind {};
  if (system.fstat(fd, &kind) == 0 && S_ISREG(kind.st_mode)) return fd;
  system.close(fd);
  return failure(errc::invalid, path,
                 "is a device, pipe or socket, not a regular file; name a file on a local disk");
}

}  // namespace sequencer::detail
