/** In the NRI a `-` before a name (of a variable, a mount, …) asks for the thing to be taken away. */
const mark = '-'

export function isRemoval(name: string): boolean {
  return name.startsWith(mark)
}

/** The name without the mark. */
export function unmarked(name: string): string {
  return isRemoval(name) ? name.slice(mark.length) : name
}

export function removalOf(name: string): string {
  return `${mark}${name}`
}
