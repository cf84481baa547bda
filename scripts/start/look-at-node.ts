import { diagnose } from '../../src/doctor/diagnose.ts'
import { thisMachine } from '../../src/doctor/machine.ts'
import { reportOf, summaryOf } from '../../src/doctor/report.ts'

/** Says what keeps pods from running on this node, as `berth doctor` does, and how much else there is to be told. */
export async function lookAtNode(configFile: string | undefined, say: (line: string) => void): Promise<void> {
  const machine = thisMachine()
  const diagnoses = await diagnose({ machine, ...(configFile !== undefined && { configFile }) })
  const broken = diagnoses.filter(({ status }) => status === 'broken')
  say(`This node: ${summaryOf(diagnoses)} (bin/berth doctor tells more)`)
  if (broken.length > 0) say(reportOf(broken).trimEnd())
}
