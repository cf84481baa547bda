/** A path of /proc/PID/mountinfo as it is: spaces and the like are octal there (proc_pid_mountinfo(5)). */
export function withoutOctalEscapes(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}
