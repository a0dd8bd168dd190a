// Makes every write to the database fail with a quota error, on request.

let isFull = false;

const put = Reflect.get<IDBObjectStore, "put">(IDBObjectStore.prototype, "put");
IDBObjectStore.prototype.put = function (this: IDBObjectStore, ...given) {
  if (isFull) {
    throw new DOMException("Made to be full.", "QuotaExceededError");
  }
  return put.apply(this, given);
};

export function fillDatabase(toBeFull: boolean): void {
  isFull = toBeFull;
}
