/** placeholder replaced by helper */
export async function diagnose(): Promise<number> {
  return 4;
}
