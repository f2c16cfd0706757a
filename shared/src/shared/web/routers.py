"""Composition of routers."""

from fastapi import APIRouter


def combine_routers(*routers: APIRouter) -> APIRouter:
    """Return a router with the routes of all `routers`, in their order: the first route that matches answers."""
    combined = APIRouter()
    for router in routers:
        combined.include_router(router)
    return combined
