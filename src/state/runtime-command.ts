/** Which OCI runtime binary, and how it is called. Kept in records, and sent to shims. */
export interface RuntimeCommand {
  /** The name in messages: `runc`, `crun`, … */
  readonly name: string
  /** The binary, as an absolute path. */
  readonly path: string
  /** The folder where the runtime keeps its own state (`--root`). */
  readonly root: string
  /** More global arguments, before the command. */
  readonly args?: readonly string[]
  /** `cgroupsPath` is `slice:prefix:name` and the cgroup is made by systemd. */
  readonly systemdCgroup?: boolean
  /** For a root file system on a ramdisk, where pivot_root(2) does not work. */
  readonly noPivot?: boolean
}
