import type { Command } from 'commander'
import { invalidArgument } from '../../lib/errors.ts'

/** Commands of kubectl that have other names here, with these names. They are in no help; who types one is told. */
const others = {
  get: 'berth pods, berth ps and berth images list what there is, berth agent --status what the agent runs',
  describe: 'berth why tells how a pod or container is and why, berth inspectp and berth inspect show all of it',
} as const

export function addKubectlHabits(program: Command): void {
  for (const [name, instead] of Object.entries(others)) {
    program
      .command(`${name} [words...]`, { hidden: true })
      .allowUnknownOption()
      .action(() => {
        throw invalidArgument(`there is no command ${name}: ${instead}`)
      })
  }
}
