"""Licenses and devices for the people of an organization."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from accounts.api.listed import IN_LISTS, PAGE, REFUSALS, ListedView, own
from licensing.api.serializers import DeviceOutput, LicenseOutput
from licensing.models import DeviceLink, License
from licensing.models.license import LicenseQuerySet
from licensing.services.devices import deactivate_device
from licensing.services.presence import online_devices


class LicenseView(ListedView):
    """Everything under one license of the caller's organization; another's is not found."""

    area: ClassVar = "licenses"

    def licenses(self) -> LicenseQuerySet:
        rows = License.objects.for_organization(self.organization)
        return rows.select_related("product").with_usage()

    def device(self, license_id: UUID, link_id: UUID) -> DeviceLink:
        devices = DeviceLink.objects.for_organization(self.organization)
        return own(devices.filter(license_id=license_id), link_id)


class LicenseListView(LicenseView):
    @extend_schema(
        operation_id="licenses_list",
        summary="Licenses, newest first",
        parameters=PAGE,
        responses={200: LicenseOutput(many=True), **IN_LISTS},
    )
    def get(self, request: Any) -> Response:
        return self.listed(self.licenses(), LicenseOutput)


class LicenseDetailView(LicenseView):
    @extend_schema(summary="One license", responses={200: LicenseOutput, **REFUSALS})
    def get(self, request: Any, license_id: UUID) -> Response:
        return Response(LicenseOutput(own(self.licenses(), license_id)).data)


class DeviceListView(LicenseView):
    @extend_schema(
        operation_id="licenses_devices_list",
        summary="Devices of a license, newest first, deactivated ones too",
        parameters=PAGE,
        responses={200: DeviceOutput(many=True), **REFUSALS},
    )
    def get(self, request: Any, license_id: UUID) -> Response:
        license = own(self.licenses(), license_id)
        page = self.pagination_class()
        rows = license.devices.all()
        devices: list[DeviceLink] = page.paginate_queryset(rows, request, view=self) or []
        online = online_devices([device.pk for device in devices])
        output = DeviceOutput(devices, many=True, context={"online": online})
        return page.get_paginated_response(output.data)


class DeviceDeactivateView(LicenseView):
    needs: ClassVar[dict[str, str]] = {"POST": "manage_devices"}

    @extend_schema(
        summary="Free a device's seat",
        description="Repeating it answers the same.",
        request=None,
        responses={204: None, **REFUSALS},
    )
    def post(self, request: Any, license_id: UUID, link_id: UUID) -> Response:
        deactivate_device(self.device(license_id, link_id), at=now())
        return Response(status=204)
