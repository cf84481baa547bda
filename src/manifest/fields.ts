import { invalidArgument } from '../lib/errors.ts'
import { suggest } from '../lib/suggest.ts'

/** The names of the fields that `T`, a type of the Kubernetes API, has. */
type Key<T> = keyof T & string

type ObjectIn<V> = V extends readonly unknown[] ? never : Extract<NonNullable<V>, object>
type ItemOf<V> = NonNullable<V> extends readonly (infer Item extends object)[] ? Item : Record<string, unknown>

/** Fields of the API without effect here whose names are like those of others. */
const unsupported: ReadonlySet<string> = new Set([
  'serviceAccount',
  'seLinuxChangePolicy',
  'resizePolicy',
  'restartPolicyRules',
])

/**
 * An object of a manifest, of the type `T` of the Kubernetes API, that remembers which of its fields were read, so
 * that those nobody asked for can be named to the
 * user instead of being dropped in silence. Absent and null are the same. Reading a field of another type than asked for
 * throws BerthError invalid-argument with the field's path.
 */
export class Fields<T extends object = Record<string, unknown>> {
  /** Where in the manifest this is: `spec.containers[0]`. */
  readonly path: string
  readonly #values: Readonly<Record<string, unknown>>
  readonly #read = new Set<string>()
  readonly #children: { unread(): string[] }[] = []
  readonly #ignored: string[] = []

  constructor(value: unknown, path: string) {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
      throw invalidArgument(`${path || 'the manifest'} must be an object`)
    }
    this.path = path
    this.#values = value as Record<string, unknown>
  }

  /** Whether the field is there; does not count as reading it. */
  has(key: Key<T>): boolean {
    return this.#values[key] !== undefined && this.#values[key] !== null
  }

  string(key: Key<T>): string | undefined {
    return this.#typed(key, 'a string', (value) => (typeof value === 'string' ? value : undefined))
  }

  /** A string that must be there and not be empty. */
  requiredString(key: Key<T>): string {
    const value = this.string(key)
    if (!value) throw invalidArgument(`${this.#pathOf(key)} is missing${this.misspelt(key)}`)
    return value
  }

  boolean(key: Key<T>): boolean | undefined {
    return this.#typed(key, 'true or false', (value) => (typeof value === 'boolean' ? value : undefined))
  }

  /** A whole number. */
  integer(key: Key<T>): number | undefined {
    return this.#typed(key, 'a whole number', (value) => (Number.isSafeInteger(value) ? (value as number) : undefined))
  }

  /** A number or a string, as a string: quantities are written both ways. */
  quantity(key: Key<T>): string | undefined {
    return this.#typed(key, 'a quantity such as 100m or 64Mi', (value) =>
      typeof value === 'number' || typeof value === 'string' ? String(value) : undefined,
    )
  }

  strings(key: Key<T>): string[] {
    const value = this.#typed(key, 'a list of strings', (list) =>
      Array.isArray(list) && list.every((item) => typeof item === 'string') ? (list as string[]) : undefined,
    )
    return value ?? []
  }

  integers(key: Key<T>): number[] {
    const value = this.#typed(key, 'a list of whole numbers', (list) =>
      Array.isArray(list) && list.every(Number.isSafeInteger) ? (list as number[]) : undefined,
    )
    return value ?? []
  }

  /** An object of strings, such as labels. */
  stringMap(key: Key<T>): Readonly<Record<string, string>> {
    const value = this.#typed(key, 'an object of strings', (map) =>
      typeof map === 'object' &&
      !Array.isArray(map) &&
      Object.values(map ?? {}).every((item) => typeof item === 'string')
        ? (map as Record<string, string>)
        : undefined,
    )
    return value ?? {}
  }

  /** A number or a string, as it is written: ports and shares are given both ways. */
  integerOrString(key: Key<T>): number | string | undefined {
    return this.#typed(key, 'a whole number or a string', (value) =>
      Number.isSafeInteger(value) || typeof value === 'string' ? (value as number | string) : undefined,
    )
  }

  object<K extends Key<T>>(key: K): Fields<ObjectIn<T[K]>> | undefined {
    const value = this.#typed(key, 'an object', (object) => object)
    return value === undefined ? undefined : this.#child<ObjectIn<T[K]>>(value, this.#pathOf(key))
  }

  objects<K extends Key<T>>(key: K): Fields<ItemOf<T[K]>>[] {
    const value = this.#typed(key, 'a list', (list) => (Array.isArray(list) ? (list as unknown[]) : undefined))
    return (value ?? []).map((item, index) => this.#child<ItemOf<T[K]>>(item, `${this.#pathOf(key)}[${index}]`))
  }

  /** Counts the field as not supported, though it was read; for values that are not, with a word on it where it helps. */
  ignore(key: Key<T>, why?: string): void {
    this.#ignored.push(`${this.#pathOf(key)}${why === undefined ? '' : ` (${why})`}`)
  }

  /**
   * The paths of the fields, here and below, that nobody read, with what was meant where that is likely. Empty objects and
   * lists say nothing and do not count.
   */
  unread(): string[] {
    const own = Object.entries(this.#values)
      .filter(([key, value]) => !this.#read.has(key) && !isNothing(value))
      .map(([key]) => `${this.#pathOf(key)}${this.#meantBy(key)}`)
    return [...this.#ignored, ...own, ...this.#children.flatMap((child) => child.unread())]
  }

  /** For the error that this field is not there: names the field, of those nobody read yet, that may be it misspelt. */
  misspelt(key: Key<T>): string {
    if (this.has(key)) return ''
    const others = Object.keys(this.#values).filter((other) => !this.#read.has(other))
    const written = others.find((other) => suggest(other, [key]) !== undefined)
    return written === undefined ? '' : ` (${this.#pathOf(written)}: did you mean ${key}?)`
  }

  /** Whoever reads an object asks for all fields that it may have: these are the names that somebody can have meant. */
  #meantBy(key: string): string {
    if (unsupported.has(key)) return ''
    const meant = suggest(
      key,
      [...this.#read].filter((name) => this.#values[name] === undefined),
    )
    return meant === undefined ? '' : ` (did you mean ${meant}?)`
  }

  #typed<V>(key: string, what: string, check: (value: unknown) => V | undefined): V | undefined {
    this.#read.add(key)
    const value = this.#values[key]
    if (value === undefined || value === null) return undefined
    const checked = check(value)
    if (checked === undefined) throw invalidArgument(`${this.#pathOf(key)} must be ${what}`)
    return checked
  }

  #child<C extends object>(value: unknown, path: string): Fields<C> {
    const child = new Fields<C>(value, path)
    this.#children.push(child)
    return child
  }

  #pathOf(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`
  }
}

function isNothing(value: unknown): boolean {
  return value === null || value === undefined || (typeof value === 'object' && Object.keys(value).length === 0)
}
