import { messageOf } from './errors.ts'
import type { Logger } from './log.ts'

/**
 * The undo of an operation: a stack of named steps, run backwards when the operation fails. Each step runs on its own clock
 * (never on the cancelled signal of the operation), a failing step is logged and does not stop the ones below it.
 *
 *     await using undo = new UndoStack(log)
 *     await mountRootfs(); undo.add('unmount the root filesystem', () => unmountRootfs())
 *     …
 *     undo.commit()      // all went well: nothing is undone
 */
export class UndoStack implements AsyncDisposable {
  readonly #steps: { readonly name: string; readonly run: () => unknown }[] = []
  readonly #log: Logger

  constructor(log: Logger) {
    this.#log = log
  }

  add(name: string, run: () => unknown): void {
    this.#steps.push({ name, run })
  }

  /** The operation succeeded: forget the steps. */
  commit(): void {
    this.#steps.length = 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      try {
        await step.run()
      } catch (error) {
        this.#log.error({ step: step.name, error: messageOf(error) }, 'an undo step failed; the reconciler will retry')
      }
    }
  }
}
