package web

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rtcollector/rtcollector/internal/query"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/tsread"
)

// Rights lists the ACL rules of a Redis user that can read everything the pages show: ACL SETUSER viewer on >… ~* and these rules. Redis
// asks for all rights to the keys (~*, not %R~*) with the commands of modules; without the writing commands, the user cannot write. With
// +info, the status shows the version of Redis as well.
const Rights = redisconn.Rights + " " + tsread.Rights + " +ft.search +ft.aggregate"

// retryPause is how long the error of a failed connection is repeated to other requests before the next attempt.
const retryPause = time.Second

// store is the connection to the Redis with the series. It is made when it is needed first, so that the server starts and stays
// while Redis is away.
type store struct {
	config  redisconn.Config
	secrets secret.Resolver
	limits  query.Limits

	turn    chan struct{} // holds one element while nobody uses the fields below
	current *connection
	err     error // of the last attempt
	failed  time.Time
}

// connection is an open connection. Its client dials again by itself.
type connection struct {
	client *redisconn.Client
	engine *query.Engine
	reader *tsread.Reader
}

func newStore(config redisconn.Config, secrets secret.Resolver, limits query.Limits) *store {
	s := &store{config: config.ForSearches(), secrets: secrets, limits: limits, turn: make(chan struct{}, 1)}
	s.turn <- struct{}{}
	return s
}

// open returns the connection, and makes it if there is none. The error is of type [*query.Error].
func (s *store) open(ctx context.Context) (*connection, error) {
	select {
	case <-s.turn:
		defer func() { s.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, unavailable(ctx, ctx.Err())
	}
	if s.current != nil {
		return s.current, nil
	}
	if s.err != nil && time.Since(s.failed) < retryPause {
		return nil, &query.Error{Kind: query.Unavailable, Err: s.err}
	}
	client, err := redisconn.Open(ctx, s.config, s.secrets)
	if err != nil {
		if ctx.Err() == nil && !isOver(ctx) {
			s.err, s.failed = err, time.Now()
		}
		return nil, unavailable(ctx, err)
	}
	s.current = &connection{client, query.New(client, s.limits), tsread.New(client)}
	return s.current, nil
}

// unavailable returns the error of a request that failed because of Redis, because its client went away or because its time was over.
func unavailable(ctx context.Context, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return &query.Error{Kind: query.Canceled, Err: err}
	case isOver(ctx):
		return &query.Error{Kind: query.Timeout, Err: fmt.Errorf("the time for this request was over before Redis answered: %w", err)}
	}
	return &query.Error{Kind: query.Unavailable, Err: err}
}

// isOver reports whether the deadline has passed. The connection may notice that before the context does.
func isOver(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && !time.Now().Before(deadline)
}

// engine returns the engine of the connection.
func (s *store) engine(ctx context.Context) (*query.Engine, error) {
	c, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	return c.engine, nil
}

// address names the server for people, without credentials.
func (s *store) address(ctx context.Context) string {
	name, err := s.config.Name(ctx, s.secrets)
	if err != nil || name == "" {
		return "redis"
	}
	return name
}

// close closes the connection. Nothing may use the store afterwards.
func (s *store) close() error {
	<-s.turn
	if s.current == nil {
		return nil
	}
	s.current.engine.Close()
	s.current.reader.Close()
	return s.current.client.Close()
}
