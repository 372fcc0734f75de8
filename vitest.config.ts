/**
 * Two projects: `unit` runs anywhere, `kernel` needs root and network namespaces, one file at a time
 * (timings are part of what it measures). `test/run.mjs` decides which run.
 */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts', 'test/**/*.prop.test.ts', 'test/**/*.sim.test.ts'],
          exclude: ['test/e2e/**', 'test/kernel/**'],
          // Two busy cores are slow; a hang is found all the same.
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'kernel',
          include: ['test/kernel/**/*.kernel.test.ts', 'test/e2e/**/*.e2e.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
