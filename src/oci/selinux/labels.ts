import type { SELinuxOption } from '../../gen/cri_pb.ts'
import { failedPrecondition, invalidArgument } from '../../lib/errors.ts'

/** The labels that the host's SELinux policy has for containers (`contexts/lxc_contexts` of the policy). */
export interface SelinuxContexts {
  readonly process: string
  readonly file: string
}

/** The labels of one container: of its processes, and of the files that are its own. */
export type SelinuxLabels = SelinuxContexts

/** Reads `process = "system_u:system_r:container_t:s0"` and `file = "…"`; undefined when one of them is not there. */
export function parseContexts(text: string): SelinuxContexts | undefined {
  const value = (key: string) => new RegExp(`^\\s*${key}\\s*=\\s*"([^"]+)"`, 'm').exec(text)?.[1]
  const [process, file] = [value('process'), value('file')]
  return process === undefined || file === undefined ? undefined : { process, file }
}

/** A type that stands for no confinement, as privileged agents ask for it on every host. */
const unconfinedType = 'spc_t'

/**
 * The labels that a container asks for: the policy's own for containers, with what the options say in their place. Undefined
 * when it asks for none, or is privileged.
 *
 * @param contexts undefined on a host without SELinux, where labels that would confine are refused: to leave them out would be to
 *   run the container with less protection than was asked for
 */
export function selinuxLabels(
  options: SELinuxOption | undefined,
  privileged: boolean,
  contexts: SelinuxContexts | undefined,
): SelinuxLabels | undefined {
  if (!options) return undefined
  const { user, role, type, level } = options
  for (const [name, value] of Object.entries({ user, role, type, level })) {
    if (!/^[\w.:,-]*$/.test(value) || (name !== 'level' && /[:,]/.test(value))) {
      throw invalidArgument(`selinux_options.${name}: ${JSON.stringify(value)} is not a part of an SELinux label`)
    }
  }
  if (privileged || type === unconfinedType || [user, role, type, level].every((part) => part === '')) {
    return contexts && type === unconfinedType && !privileged ? labelled(options, contexts) : undefined
  }
  if (contexts) return labelled(options, contexts)
  throw failedPrecondition(
    'selinux_options: SELinux is not enabled on this host, or has no policy for containers, but the container asks for a label; leave the options out, or run it on a host with SELinux',
  )
}

function labelled({ user, role, type, level }: SELinuxOption, contexts: SelinuxContexts): SelinuxLabels {
  return {
    process: withParts(contexts.process, { user, role, type, level }),
    // The type and role of files are not the process's.
    file: withParts(contexts.file, { user, role: '', type: '', level }),
  }
}

function withParts(context: string, own: Pick<SELinuxOption, 'user' | 'role' | 'type' | 'level'>): string {
  const [user = '', role = '', type = '', ...level] = context.split(':')
  return [own.user || user, own.role || role, own.type || type, own.level || level.join(':')].join(':')
}
