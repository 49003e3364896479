/** All of a stream as UTF-8; `undefined` when it is longer than `mostBytes`, without reading more of it: it may have no end. */
export async function boundedText(
  stream: AsyncIterable<Uint8Array>,
  mostBytes: number,
): Promise<string | undefined> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let text = "";
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > mostBytes) return undefined;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
