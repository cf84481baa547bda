import { failedPrecondition } from '../../lib/errors.ts'

/** Annotations by which containerd and CRI-O put containers into classes of cache and disk bandwidth. */
const classAnnotation = /^(rdt|blockio)\.resources\.beta\.kubernetes\.io\//

/** Berth has no such classes. A container that asks for one is refused, not run without it. */
export function refuseResourceClasses(annotations: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(annotations)) {
    const kind = classAnnotation.exec(name)?.[1]
    if (kind === undefined || value === '') continue
    const what = kind === 'rdt' ? 'Intel RDT' : 'block I/O'
    throw failedPrecondition(
      `the annotation ${name} asks for the ${what} class "${value}"; this node has no such classes`,
    )
  }
}
