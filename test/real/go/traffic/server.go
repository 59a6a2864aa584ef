package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// serve listens after START_DELAY. GRACEFUL=no ends it at once with exit code 1 at SIGTERM, whatever is under way.
// REVISION (of the downward API) makes a pod of one revision behave badly: it crashes at its start where it is
// CRASH_ON, and is never ready where it is UNREADY_ON.
func serve(stop context.Context) {
	revision := os.Getenv("REVISION")
	if revision != "" && revision == os.Getenv("CRASH_ON") {
		fmt.Println("panic: cannot run on revision", revision)
		os.Exit(2)
	}
	time.Sleep(duration("START_DELAY", "0s"))
	unready := revision != "" && revision == os.Getenv("UNREADY_ON")
	mux := http.NewServeMux()
	mux.HandleFunc("/ready", func(w http.ResponseWriter, r *http.Request) {
		if unready {
			http.Error(w, "not ready on revision "+revision, http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s xfcc=%s\n", env("HOSTNAME", "?"), r.Proto, r.Header.Get("X-Forwarded-Client-Cert"))
	})

	http1 := &http.Server{Addr: ":" + http1Port, Handler: mux}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	http2 := &http.Server{Addr: ":" + http2Port, Handler: mux, Protocols: protocols}
	rpc := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(rpc, health.NewServer())

	var group sync.WaitGroup
	listen := func(port string, run func(net.Listener) error) {
		l, err := net.Listen("tcp", ":"+port)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		group.Go(func() {
			if err := run(l); err != nil && err != http.ErrServerClosed {
				fmt.Println(err)
				os.Exit(1)
			}
		})
	}
	listen(http1Port, http1.Serve)
	listen(http2Port, http2.Serve)
	listen(grpcPort, rpc.Serve)
	fmt.Println("serves")

	<-stop.Done()
	if env("GRACEFUL", "yes") != "yes" {
		os.Exit(1)
	}
	last, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var ending sync.WaitGroup
	ending.Go(func() { http1.Shutdown(last) })
	ending.Go(func() { http2.Shutdown(last) })
	ending.Go(rpc.GracefulStop)
	ending.Wait()
	group.Wait()
}
