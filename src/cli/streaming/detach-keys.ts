const ctrlP = 0x10
const ctrlQ = 0x11

/** Looks for Ctrl-P Ctrl-Q in what is typed, with which users of other tools leave a terminal without ending what runs in it. */
export class DetachKeys {
  #held = false

  /** What to pass on, and whether the user wants to leave. A Ctrl-P is held back until the next key is known. */
  add(typed: Uint8Array): { readonly bytes: Uint8Array; readonly detach: boolean } {
    const passed: number[] = []
    for (const key of typed) {
      if (this.#held && key === ctrlQ) return { bytes: Uint8Array.from(passed), detach: true }
      if (this.#held) passed.push(ctrlP)
      this.#held = key === ctrlP
      if (!this.#held) passed.push(key)
    }
    return { bytes: Uint8Array.from(passed), detach: false }
  }
}
