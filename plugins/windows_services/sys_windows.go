package windowsservices

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc/mgr"
)

// listServices asks the service control manager. It asks for no more rights than reading needs: mgr.Connect would need an administrator.
func listServices(ctx context.Context, wanted func(name string) bool) ([]service, error) {
	handle, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT|windows.SC_MANAGER_ENUMERATE_SERVICE)
	if err != nil {
		return nil, fmt.Errorf("connect to the service control manager: %w", err)
	}
	manager := &mgr.Mgr{Handle: handle}
	defer func() { _ = manager.Disconnect() }()
	names, err := manager.ListServices()
	if err != nil {
		return nil, fmt.Errorf("list the services: %w", err)
	}
	var all []service
	var errs []error
	for _, name := range names {
		if !wanted(name) {
			continue
		}
		if ctx.Err() != nil {
			return all, errors.Join(append(errs, ctx.Err())...)
		}
		s, err := queryService(handle, name)
		switch {
		case errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST), errors.Is(err, windows.ERROR_ACCESS_DENIED):
			// It was deleted since it was listed, or only the system may read it.
		case err != nil:
			errs = append(errs, fmt.Errorf("query the service %s: %w", name, err))
		default:
			all = append(all, s)
		}
	}
	return all, errors.Join(errs...)
}

func queryService(manager windows.Handle, name string) (service, error) {
	text, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return service{}, err
	}
	handle, err := windows.OpenService(manager, text, windows.SERVICE_QUERY_STATUS|windows.SERVICE_QUERY_CONFIG)
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		handle, err = windows.OpenService(manager, text, windows.SERVICE_QUERY_STATUS)
	}
	if err != nil {
		return service{}, err
	}
	s := &mgr.Service{Name: name, Handle: handle}
	defer func() { _ = s.Close() }()
	status, err := s.Query()
	if err != nil {
		return service{}, err
	}
	config, err := s.Config()
	return service{name: name, state: uint32(status.State), startType: config.StartType, hasStartType: err == nil}, nil
}
