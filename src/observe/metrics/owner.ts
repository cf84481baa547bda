/** Whose a metric is: the labels that every metric has, by cAdvisor's names and in the order in which it writes them. */
export const ownerLabels = ['container', 'id', 'image', 'name', 'namespace', 'pod'] as const

export interface Owner {
  /** The container's name in its pod; empty for the pod as a whole. */
  readonly container: string
  /** The cgroup. */
  readonly id: string
  readonly image: string
  /** The container's id, or the sandbox's. */
  readonly name: string
  readonly namespace: string
  readonly pod: string
}

export function ownerValues(owner: Owner): string[] {
  return ownerLabels.map((label) => owner[label])
}
