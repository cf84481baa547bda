import assert from 'node:assert/strict'
import { test } from 'node:test'
import { victimsIn } from './oom-victims.ts'

const killed = (memcg: string, task: string, pid: number) =>
  `<6>[ 10656.774871] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=c1,mems_allowed=0,oom_memcg=/p,task_memcg=${memcg},task=${task},pid=${pid},uid=0`

test('the victims of a cgroup and of those below it are told, and no others', () => {
  const log = [
    '<4>[ 10656.774699] head invoked oom-killer: gfp_mask=0x500cc2(GFP_HIGHUSER|__GFP_ACCOUNT), order=0',
    killed('/p/c1', 'sh', 11),
    killed('/p/c10', 'sh', 12),
    killed('/p/c1/inner', 'python3', 13),
    '<3>[ 10656.774885] Memory cgroup out of memory: Killed process 14 (sh) total-vm:2592kB',
    '<6>[ 1.0] oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/p/c1,task=x,pid=15,uid=7',
  ]
  assert.deepEqual(victimsIn(log.join('\n'), '/p/c1'), [11, 13, 15])
})

test('the name of a task cannot pass for more than a name', () => {
  assert.deepEqual(victimsIn(killed('/p/c1', 'a,pid=1,uid=0', 21), '/p/c1'), [21])
  assert.deepEqual(victimsIn(killed('/p/c2', ',task_memcg=/p', 22), '/p'), [22])
  assert.deepEqual(victimsIn(killed('/q/c2', ',task_memcg=/p', 23), '/p'), [])
})
