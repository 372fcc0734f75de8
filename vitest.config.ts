import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts', 'test/**/*.prop.test.ts', 'test/**/*.sim.test.ts'],
          exclude: ['test/e2e/**', 'test/kernel/**'],
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
