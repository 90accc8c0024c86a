// Package seal encrypts documents before they reach a database.
//
// Each document gets a data key of its own (AES-256-GCM), which is wrapped by a
// key-encryption key that the database never sees. The document is bound to the object it
// belongs to: its kind, namespace, name and uid. So what lies in a database or a backup
// says nothing without the key, and a row that was changed, or put in another's place,
// does not open. Changing the key-encryption key wraps the data keys anew and
// leaves the documents as they are.
//
// Key-encryption keys come from a Source: a file, the environment, or Vault's
// transit engine. The package refuses to know SQL, and which kinds are sealed.
package seal
