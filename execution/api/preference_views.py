"""What a client prefers. Nothing here permits anything: permissions and limits are the risk manager's."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError as DjangoValidationError
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from execution.api.auth import client_of
from policies.models import TradingPreference
from policies.models.choices import RiskToleranceChoices, SmartRouteChoices
from policies.services import set_preference


class PreferenceBody(serializers.Serializer[Any]):
    """All three, always: what is not sent is set back."""

    preferred_exchanges = serializers.ListField(
        child=serializers.CharField(max_length=20), default=list, max_length=20, help_text="The most preferred first."
    )
    routing_strategy = serializers.ChoiceField(
        choices=SmartRouteChoices.choices,
        allow_blank=True,
        default="",
        help_text="For signals that name no exchange and no mapped strategy. Empty: the default exchange.",
    )
    risk_tolerance = serializers.ChoiceField(
        choices=RiskToleranceChoices.choices,
        default=RiskToleranceChoices.MEDIUM.value,
        help_text="How much late orders, old books and rejects count in the optimal split.",
    )

    def to_internal_value(self, data: Any) -> Any:
        """Refuses unknown fields: a typo must not set something back."""
        unknown = data.keys() - self.fields.keys() if isinstance(data, Mapping) else ()
        if unknown:
            raise serializers.ValidationError({str(name): ["Unknown field."] for name in sorted(unknown)})
        return super().to_internal_value(data)


class PreferencesView(APIView):
    """Preferences."""

    scopes = {"GET": "read", "PUT": "trade"}

    @extend_schema(responses={200: PreferenceBody})
    def get(self, request: Request) -> Response:
        """Yours."""
        row = TradingPreference.objects.filter(user_id=client_of(request).pk).first() or TradingPreference()
        return Response(PreferenceBody(row).data)

    @extend_schema(request=PreferenceBody, responses={200: PreferenceBody})
    def put(self, request: Request) -> Response:
        """Replace yours; in force within a second."""
        body = PreferenceBody(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            row = set_preference(User.objects.get(pk=client_of(request).pk), **body.validated_data)
        except DjangoValidationError as e:
            raise ValidationError(e.message_dict) from e
        return Response(PreferenceBody(row).data)
