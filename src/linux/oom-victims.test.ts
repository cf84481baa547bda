import assert from 'node:assert/strict'
import { test } from 'node:test'
import { secondsCovered, victimsIn } from './oom-victims.ts'

const killed = (task: string, pid: number, time = '10656.774871') =>
  `<3>[ ${time}] Memory cgroup out of memory: Killed process ${pid} (${task}) total-vm:2592kB, anon-rss:7552kB, UID:0`

test('each victim is told once, with or without the lines that say more of it', () => {
  const log = [
    '<4>[ 10656.774699] head invoked oom-killer: gfp_mask=0x500cc2(GFP_HIGHUSER|__GFP_ACCOUNT), order=0',
    '<6>[ 10656.774871] oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/p,task_memcg=/p/c1,task=sh,pid=11,uid=0',
    killed('sh', 11),
    killed('python3', 13),
    '<3>[    1.000000] Out of memory: Killed process 15 (x) total-vm:2592kB',
    '<3>[ 10656.774885] Memory cgroup out of memory: OOM victim 14 (sh) is already exiting. Skip killing the task',
  ]
  assert.deepEqual(victimsIn(log.join('\n')), [11, 13, 15])
})

test('the name of a task cannot pass for more than a name', () => {
  assert.deepEqual(victimsIn(killed('Killed process', 21)), [21])
  assert.deepEqual(victimsIn('<6>[ 1.0] process 5 (: Killed process 22 (x) did something'), [])
})

test('a log covers the time from its oldest line to its newest', () => {
  const log = [`<6>[    7.5] eth0: up`, killed('sh', 1, '30.25'), ''].join('\n')
  assert.equal(secondsCovered(log), 22.75)
  assert.equal(secondsCovered(''), 0)
})
