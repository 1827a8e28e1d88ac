//go:build !cgo

package host

func init() {
	transports["ffi"] = &transport{libraryKind, libraryCodecs, func(endpoint) (channel, error) {
		failed := notLoaded("cannot be loaded: this host was built without cgo")
		failed.Action = "build the host with CGO_ENABLED=1 and a C compiler, or use another transport"
		return nil, failed
	}}
}
