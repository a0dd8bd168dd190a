// Downloads a blob as a file.

export function downloadBlob(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // Within a minute the browser has opened the blob.
  setTimeout(() => {
    URL.revokeObjectURL(link.href);
  }, 60_000);
}
