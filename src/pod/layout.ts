import { join } from 'node:path'

/** Where everything is, below the two folders that the operator configures. */
export class Layout {
  /** Survives a reboot: `/var/lib/berth`. */
  readonly root: string
  /** Gone after a reboot, like every process: `/run/berth`. */
  readonly state: string

  constructor(root: string, state: string) {
    this.root = root
    this.state = state
  }

  get database(): string {
    return join(this.root, 'berth.db')
  }

  /** The second copies of the records. */
  get recordCopies(): string {
    return join(this.state, 'records')
  }

  get images(): string {
    return join(this.root, 'images')
  }

  /** What is being deleted. */
  get trash(): string {
    return join(this.root, 'trash')
  }

  /** There while the kernel's RCU grace periods are expedited (`linux/grace-periods.ts`). */
  get expeditedNote(): string {
    return join(this.state, 'rcu_expedited')
  }

  /** The sockets and logs of the shims. */
  get shims(): string {
    return join(this.state, 'shims')
  }

  /** Which process keeps what berthd and the shims hold of containers. */
  get keeper(): string {
    return join(this.state, 'keeper.json')
  }

  /** The folders with those of sandboxes and of containers, in which all mounts of pods are. */
  get podFolders(): readonly string[] {
    return [join(this.state, 'sandboxes'), join(this.state, 'containers')]
  }

  /** There while the state folder is a mount point made by `MountsApart`. */
  get mountsApartNote(): string {
    return join(this.state, 'mounts-apart')
  }

  /** What the OCI runtime of a handler keeps for itself. */
  runtimeRoot(handler: string): string {
    return join(this.state, 'oci', handler)
  }

  sandbox(id: string): SandboxLayout {
    const folder = join(this.state, 'sandboxes', id)
    return {
      folder,
      userns: join(folder, 'user'),
      netns: join(folder, 'net'),
      ipcns: join(folder, 'ipc'),
      utsns: join(folder, 'uts'),
      pidns: join(folder, 'pid'),
      shm: join(folder, 'shm'),
      hosts: join(folder, 'hosts'),
      resolvConf: join(folder, 'resolv.conf'),
      hostname: join(folder, 'hostname'),
    }
  }

  container(id: string): ContainerLayout {
    const bundle = join(this.state, 'containers', id)
    const data = join(this.root, 'containers', id)
    return {
      bundle,
      rootfs: join(bundle, 'rootfs'),
      volumes: join(bundle, 'volumes'),
      data,
      upper: join(data, 'upper'),
      work: join(data, 'work'),
    }
  }
}

export interface SandboxLayout {
  readonly folder: string
  /** Bind mounts that pin the namespaces of the pod. */
  /** Only there for a pod with a user namespace of its own. */
  readonly userns: string
  readonly netns: string
  readonly ipcns: string
  readonly utsns: string
  readonly pidns: string
  /** A tmpfs. */
  readonly shm: string
  readonly hosts: string
  readonly resolvConf: string
  readonly hostname: string
}

export interface ContainerLayout {
  /** config.json, the pipes, the exit record. */
  readonly bundle: string
  /** The overlay. */
  readonly rootfs: string
  /** The images that its mounts show, each at the number of the mount. */
  readonly volumes: string
  /** What the container has written, on the disk of the images. */
  readonly data: string
  readonly upper: string
  readonly work: string
}
