import { failedPrecondition } from '../../lib/errors.ts'
import type { HostFacts } from '../../oci/host-facts.ts'

/** An OCI runtime ignores what it does not know: what a plugin sets must not be lost in that way. */
export function requireRuntime(
  host: Pick<HostFacts, 'runtime'>,
  ability: keyof NonNullable<HostFacts['runtime']>,
  what: string,
): void {
  if (host.runtime?.[ability]) return
  throw failedPrecondition(
    `an NRI plugin sets ${what}, which the OCI runtime of this pod cannot do; install a newer one`,
  )
}
