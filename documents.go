package spapi

import "net/http"

// BaseTransport returns what lies below the chain of [Client.Transport]: the transport that WithTransport gave, or the default one. It adds
// nothing to requests, neither tokens nor limits nor retries, and is meant for presigned URLs such as those of report documents, which must
// not see any credentials.
func (a *App) BaseTransport() http.RoundTripper { return a.config.transport }
