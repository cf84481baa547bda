/** A record as it lies in the database: a row of its kind's table. */
export interface Row {
  readonly id: string
  /** The schema version that the body was written with. */
  readonly version: number
  /** JSON. */
  readonly body: string
}
