/** For `TestContext.waitFor`, whose own second is short for a machine with other work. */
export const patiently = { timeout: 10_000 }
