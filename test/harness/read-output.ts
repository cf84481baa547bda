import { silentLogger } from '../../src/lib/log.ts'
import { ContainerOutput } from '../../src/shim/container-output.ts'

/**
 * What a shim does with the output of one container, and nothing else, for a test to kill: `read-output.ts BUNDLE LOG`. Goes on
 * in a new log at SIGUSR2, and comes to an end at SIGTERM.
 */
const [, , bundle = '', logPath = ''] = process.argv
const output = new ContainerOutput({ bundle, logPath, log: silentLogger, resume: true })
output.readPipes()
process.on('SIGUSR2', () => output.reopenLog())
process.on('SIGTERM', () => {
  output.finish()
  process.exit(0)
})
process.stdout.write('ready')
