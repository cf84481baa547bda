import { Socket } from 'node:net'
import { ScriptedPlugin } from '../../src/nri/scripted-plugin.ts'

/**
 * An NRI plugin to be installed: it gives every container the variable INSTALLED, with its configuration as the value, and ends
 * when its connection does.
 */
const { NRI_PLUGIN_SOCKET = '', NRI_PLUGIN_IDX = '', NRI_PLUGIN_NAME = '' } = process.env
let config = ''
const plugin = new ScriptedPlugin(new Socket({ fd: Number(NRI_PLUGIN_SOCKET) }), {
  Configure: (request: { config: string }) => {
    config = request.config
  },
  CreateContainer: () => ({ adjust: { env: [{ key: 'INSTALLED', value: config }] } }),
})
await plugin.register(`${NRI_PLUGIN_IDX}-${NRI_PLUGIN_NAME}`)
await plugin.ended
process.exit(0)
