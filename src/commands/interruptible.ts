/** Rejects as soon as it is interrupted: what is still on its way is nobody's any more, and must be harmless. */
export async function interruptible<T>(work: Promise<T>, interrupted: AbortSignal): Promise<T> {
  const over = new Promise<never>((_, reject) => {
    const stop = (): void => reject(interrupted.reason as Error);
    if (interrupted.aborted) stop();
    else interrupted.addEventListener("abort", stop, { once: true });
  });
  return await Promise.race([work, over]);
}
