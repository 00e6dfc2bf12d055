"""The use cases, one file each: a typed request and a workspace in, a typed result out.

Every door (command line, service, notebook) calls these and composes nothing itself. Where a use case scores it takes
``models: LoadedModels | None``, so that a server parses them once.
"""
