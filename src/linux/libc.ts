import { getSystemErrorName } from 'node:util'
import koffi from 'koffi'

/**
 * The only place where Berth meets the C library. The functions are the calls as glibc has them (section 2 and 3 of the
 * manual); the files beside this one give them a shape fit for use. All are synchronous on the calling thread, which
 * matters: `unshare` and `setns` change the thread that calls them, and Berth calls them on the main thread only.
 */
const lib = koffi.load('libc.so.6')

export const libc = {
  mount: lib.func('int mount(const char *source, const char *target, const char *type, ulong flags, const char *data)'),
  umount2: lib.func('int umount2(const char *target, int flags)'),
  unshare: lib.func('int unshare(int flags)'),
  setns: lib.func('int setns(int fd, int nstype)'),
  fchdir: lib.func('int fchdir(int fd)'),
  chroot: lib.func('int chroot(const char *path)'),
  sethostname: lib.func('int sethostname(const char *name, size_t len)'),
  mkfifo: lib.func('int mkfifo(const char *path, uint mode)'),
  mknod: lib.func('int mknod(const char *path, uint mode, uint64 dev)'),
  waitid: lib.func('int waitid(int idtype, uint id, void *info, int options)'),
  prctl: lib.func('int prctl(int option, ulong a, ulong b, ulong c, ulong d)'),
  pipe2: lib.func('int pipe2(void *fds, int flags)'),
  flock: lib.func('int flock(int fd, int operation)'),
  socket: lib.func('int socket(int domain, int type, int protocol)'),
  socketpair: lib.func('int socketpair(int domain, int type, int protocol, void *fds)'),
  bind: lib.func('int bind(int fd, const void *address, uint length)'),
  listen: lib.func('int listen(int fd, int backlog)'),
  accept4: lib.func('int accept4(int fd, void *address, void *length, int flags)'),
  poll: lib.func('int poll(void *fds, ulong count, int timeout)'),
  getsockopt: lib.func('int getsockopt(int fd, int level, int name, void *value, void *length)'),
  sendto: lib.func(
    'long sendto(int fd, const void *data, size_t length, int flags, const void *address, uint address_length)',
  ),
  sendmsg: lib.func('long sendmsg(int fd, const void *message, int flags)'),
  setsockopt: lib.func('int setsockopt(int fd, int level, int name, const void *value, uint length)'),
  recvmsg: lib.func('long recvmsg(int fd, void *message, int flags)'),
  fcntl: lib.func('int fcntl(int fd, int cmd, long arg)'),
  ioctl: lib.func('int ioctl(int fd, ulong request, void *argument)'),
  lsetxattr: lib.func('int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)'),
  lgetxattr: lib.func('long lgetxattr(const char *path, const char *name, void *value, size_t size)'),
  llistxattr: lib.func('long llistxattr(const char *path, void *list, size_t size)'),
  utimensat: lib.func('int utimensat(int dirfd, const char *path, const void *times, int flags)'),
  futimens: lib.func('int futimens(int fd, const void *times)'),
  syncfs: lib.func('int syncfs(int fd)'),
  sync_file_range: lib.func('int sync_file_range(int fd, int64 offset, int64 length, uint flags)'),
  splice: lib.func('long splice(int from, void *from_offset, int to, void *to_offset, size_t length, uint flags)'),
  fallocate: lib.func('int fallocate(int fd, int mode, int64 offset, int64 length)'),
  mallopt: lib.func('int mallopt(int param, int value)'),
  malloc_trim: lib.func('int malloc_trim(size_t pad)'),
  posix_spawn: lib.func(
    'int posix_spawn(void *pid, const char *path, const void *actions, const void *attr, const char **argv, const char **envp)',
  ),
  posix_spawnattr_init: lib.func('int posix_spawnattr_init(void *attr)'),
  posix_spawnattr_setflags: lib.func('int posix_spawnattr_setflags(void *attr, short flags)'),
  posix_spawnattr_setsigdefault: lib.func('int posix_spawnattr_setsigdefault(void *attr, const void *set)'),
  posix_spawnattr_setsigmask: lib.func('int posix_spawnattr_setsigmask(void *attr, const void *set)'),
  posix_spawnattr_destroy: lib.func('int posix_spawnattr_destroy(void *attr)'),
  posix_spawn_file_actions_init: lib.func('int posix_spawn_file_actions_init(void *actions)'),
  posix_spawn_file_actions_adddup2: lib.func('int posix_spawn_file_actions_adddup2(void *actions, int fd, int newfd)'),
  posix_spawn_file_actions_addchdir_np: lib.func(
    'int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)',
  ),
  posix_spawn_file_actions_destroy: lib.func('int posix_spawn_file_actions_destroy(void *actions)'),
  sigfillset: lib.func('int sigfillset(void *set)'),
  sigemptyset: lib.func('int sigemptyset(void *set)'),
  /** `syscall(2)` for calls that glibc 2.36 has no wrapper for; all arguments as 64-bit words. */
  syscall: lib.func('long syscall(long number, int64 a, int64 b, int64 c, int64 d, int64 e)'),
} as const

/** A failed system call in the form that Node's own `fs` gives: `code` `ENOENT`, negative `errno`, `syscall`, `path`. */
export function errnoError(syscall: string, errno: number, path?: string): NodeJS.ErrnoException {
  const code = getSystemErrorName(-errno)
  const error: NodeJS.ErrnoException = new Error(`${code}: ${syscall}${path === undefined ? '' : ` '${path}'`}`)
  return Object.assign(error, { code, errno: -errno, syscall, ...(path === undefined ? {} : { path }) })
}

/** Returns `result` of a call that answers -1 and errno on failure; throws {@link errnoError} then. */
export function check(result: number | bigint, syscall: string, path?: string): number {
  const value = Number(result)
  if (value === -1) throw errnoError(syscall, koffi.errno(), path)
  return value
}

/** The address of a buffer, for the `syscall` arguments that are pointers. The buffer must stay referenced meanwhile. */
export function addressOf(buffer: Uint8Array): bigint {
  return koffi.address(buffer)
}
