import { lstatSync } from 'node:fs'
import { opendir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { invalidArgument } from '../../lib/errors.ts'
import { setXattr } from '../../linux/xattr.ts'

/** Where a file's label is, as a text that ends with a NUL. */
const attribute = 'security.selinux'

/** Folders of the host's own, which work no more under another label; what is below them is another matter. */
const hosts = new Set(
  '/ /bin /boot /dev /etc /home /lib /lib64 /media /mnt /opt /proc /root /run /sbin /srv /sys /tmp /usr /var /var/lib /var/log'.split(
    ' ',
  ),
)

/** Gives a single file or folder a label; a link itself, not what it points to. */
export function setLabel(path: string, label: string): void {
  setXattr(path, attribute, Buffer.from(`${label}\0`))
}

/**
 * Gives a volume the label of the container's files, as `selinux_relabel` asks for: all that is in it, but neither what its links
 * point to nor what else is mounted in it. Throws invalid-argument for a folder that the host itself needs.
 */
export async function relabel(path: string, label: string): Promise<void> {
  if (hosts.has(resolve(path))) {
    throw invalidArgument(`mounts: ${path} is the host's own and cannot be relabelled (selinux_relabel)`)
  }
  const { dev } = lstatSync(path)
  const visit = async (at: string): Promise<void> => {
    const stats = lstatSync(at)
    if (stats.dev !== dev) return
    setLabel(at, label)
    if (!stats.isDirectory()) return
    for await (const { name } of await opendir(at)) await visit(join(at, name))
  }
  await visit(path)
}
