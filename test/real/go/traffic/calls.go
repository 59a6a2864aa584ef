package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// A call sends one request and gives the status that came ("200", "Unavailable", "" for none) and what was wrong.
type call func(context.Context) (string, error)

// calls of the kinds of client. Requests are POST with a body: Go sends such a one no second time by itself once a
// byte of it was written (net/http, Request.isReplayable), so what a kept connection loses is seen.
func calls(host string) map[string]call {
	fresh := http.DefaultTransport.(*http.Transport).Clone()
	fresh.DisableKeepAlives = true
	kept := http.DefaultTransport.(*http.Transport).Clone()
	kept.MaxIdleConnsPerHost = 50
	h2c := http.DefaultTransport.(*http.Transport).Clone()
	h2c.Protocols = new(http.Protocols)
	h2c.Protocols.SetUnencryptedHTTP2(true)
	return map[string]call{
		"http1-new":  post(fresh, "http://"+at(host, http1Port)+"/"),
		"http1-kept": post(kept, "http://"+at(host, http1Port)+"/"),
		"http2-kept": post(h2c, "http://"+at(host, http2Port)+"/"),
		"grpc-kept":  check(at(host, grpcPort)),
	}
}

// at is the host with the port, unless the host has one (a gateway serves all on one).
func at(host, port string) string {
	if strings.Contains(host, ":") {
		return host
	}
	return host + ":" + port
}

func post(transport *http.Transport, url string) call {
	client := &http.Client{Transport: transport}
	return func(ctx context.Context) (string, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("hello"))
		if err != nil {
			return "", err
		}
		if host := env("HOST_HEADER", ""); host != "" {
			request.Host = host
		}
		response, err := client.Do(request)
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		said := fmt.Sprint(response.StatusCode)
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return said, err
		}
		if response.StatusCode != http.StatusOK {
			return said, fmt.Errorf("%s", strings.TrimSpace(string(body)))
		}
		return said, nil
	}
}

// check is the unary call of gRPC's own health service, whose code comes with google.golang.org/grpc. A failed
// connection fails the calls that wait for it at once; it is tried again after 50 to 500 ms.
func check(target string) call {
	again := grpc.ConnectParams{MinConnectTimeout: 2 * time.Second}
	again.Backoff.BaseDelay, again.Backoff.Multiplier, again.Backoff.MaxDelay = 50*time.Millisecond, 1.6, 500*time.Millisecond
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithConnectParams(again), grpc.WithDisableRetry(),
	}
	if host := env("HOST_HEADER", ""); host != "" {
		options = append(options, grpc.WithAuthority(host))
	}
	connection, err := grpc.NewClient(target, options...)
	if err != nil {
		panic(err)
	}
	client := grpc_health_v1.NewHealthClient(connection)
	return func(ctx context.Context) (string, error) {
		_, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
		return status.Code(err).String(), err
	}
}
