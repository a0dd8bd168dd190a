// Hands a blob to the browser's downloads.

export function downloadBlob(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser has taken its own reference long before a minute is over.
  setTimeout(() => {
    URL.revokeObjectURL(link.href);
  }, 60_000);
}
